"""Tests of the development cluster, and of the control plane that other tests use."""
