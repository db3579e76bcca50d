"""Reads the time that a model server spent on its store from its answer's `Server-Timing` header.

W3C Server Timing, section 2 (https://www.w3.org/TR/server-timing/): a comma-separated list of metrics,
each a token with parameters after semicolons; `storage;dur=12.5` is 12.5 ms. A value may be quoted, names
of parameters are case-insensitive, and of a repeated parameter the first counts. Where a server names
several reads the longest counts, for one slow read makes the request slow.
"""

import math
import re
from typing import Final

from modelward.monitor.heads import Head

HEADER: Final = b"server-timing"
METRIC: Final = b"storage"
_PARAMETER: Final = b"dur"
_PIECE: Final = re.compile(
    rb"""[ \t]*(?P<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+)
         (?:[ \t]*=[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^ \t",;]*)))?
         [ \t]*(?P<end>[,;]|$)""",
    re.VERBOSE | re.DOTALL,
)


def storage_ms(head: Head) -> float | None:
    """The longest time, in ms, that an answer's head names for `storage`; None: it names none."""
    longest = None
    for value in head.all(HEADER):
        for duration_ms in _durations(value):
            longest = duration_ms if longest is None else max(longest, duration_ms)
    return longest


def _durations(value: bytes) -> list[float]:
    """The durations of `storage` in one header; what follows a part that is no metric is not read."""
    found = []
    metric: bytes | None = None
    is_timed = False
    position = 0
    while position < len(value):
        piece = _PIECE.match(value, position)
        if piece is None:
            break
        if metric is None:
            metric, is_timed = piece["name"], False
        elif metric == METRIC and piece["name"].lower() == _PARAMETER and not is_timed:
            is_timed = True
            duration_ms = _number(piece["token"] if piece["quoted"] is None else piece["quoted"])
            if duration_ms is not None:
                found.append(duration_ms)
        if piece["end"] != b";":
            metric = None
        position = piece.end()
    return found


def _number(text: bytes | None) -> float | None:
    """A duration in ms; None for what is no number from 0 up."""
    try:
        number = float(text or b"")
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None
