"""modelward: a Kubernetes operator for monitored model deployments."""
