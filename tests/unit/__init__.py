"""Tests of the pure parts: no I/O."""
