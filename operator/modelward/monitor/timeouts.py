"""How long connections may last and keep the monitor waiting, of HTTP/1.1 and HTTP/2 alike."""

from typing import Final

IDLE_SECONDS: Final = 900.0
"""Longer than clients keep idle connections, so that it is they who close them."""
HEAD_SECONDS: Final = 60.0
"""Longest time that a request's head takes to come, however steadily: it holds a connection."""
BODY_SECONDS: Final = 60.0
"""Longest pause within a request's body."""
UNREAD_SECONDS: Final = 60.0
"""Longest time for which more of an answer waits than may (upstream.MAX_BUFFERED_BYTES)."""
UNTAKEN_SECONDS: Final = 60.0
"""Longest time for which the server takes nothing of a request while more of it waits than may."""
MAX_AGE_JITTER: Final = 0.25
"""Share by which the age at which a connection is asked to leave is more or less, to spread them."""
