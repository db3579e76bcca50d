"""Tests of gates against model servers that run on loopback, and of the processes that measure."""
