"""The command line, drawn from recorded objects."""
