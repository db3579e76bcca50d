"""Tests of what gates measure, without a process or an endpoint."""
