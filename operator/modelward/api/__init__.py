"""The ModelDeployment API: its types, defaults, bounds, revision hash and the CRD made from them."""
