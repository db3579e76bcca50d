"""The monitor as a real process, between real clients and a real server."""
