"""The one error of the command line: a text that says what was wrong and what to do instead."""


class CommandError(Exception):
    """Something the person at the terminal can act on; printed without a traceback, exit code 1."""
