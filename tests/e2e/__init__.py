"""Tests on a real cluster with a node: real pods, real Prometheus and Alertmanager, real S3."""
