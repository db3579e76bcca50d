"""The one exception that ends a command with a line for its user instead of a traceback."""


class ClusterError(Exception):
    """Something that the user can put right; the message says what was wrong and what to do."""
