"""Parts against the real programs that they talk to, on loopback."""
