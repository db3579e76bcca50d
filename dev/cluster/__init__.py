"""A real one-node Kubernetes cluster on this machine, and a control plane alone for tests.

Runs before any virtual environment exists, so it imports nothing but the standard library.
`python3 -m dev.cluster --help` lists the commands.
"""
