"""Signals without any server."""
