"""The operator's process, without an API server."""
