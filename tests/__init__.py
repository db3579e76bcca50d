"""Tests, by what they need: nothing (unit), an API server, other programs, a whole cluster."""
