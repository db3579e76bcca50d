"""Kubernetes objects and PromQL from values alone: no I/O, no clock, no randomness."""
