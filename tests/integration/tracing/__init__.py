"""Traces from the client to the store that they end in, through real collectors."""
