"""Signals against real Prometheus and Alertmanager processes."""
