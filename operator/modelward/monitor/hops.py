"""Headers that are meant for the next hop alone, and what of them is passed on (RFC 9110 7.6.1).

Connections come in pairs here, one to the server for each client's, and a message's framing is passed on as
it came. So `close` and `keep-alive` hold for both, and so do `Content-Length`, `Transfer-Encoding`, `Trailer`
and `Host`, even where `Connection` names them. `TE: trailers` is passed on, since trailers are. All else that
`Connection` names is left out, and so are, named or not:

- `Keep-Alive` and `Proxy-Connection`, which speak of a connection that is not the other side's;
- `TE` that asks for more than trailers;
- `Upgrade` and `HTTP2-Settings`: a server may ignore them (RFC 9110 7.8), and connections are never upgraded;
- `Proxy-Authorization` and `Proxy-Authenticate`: the monitor asks for no credentials, and no proxy follows.
"""

from typing import Final, NamedTuple

from modelward.monitor.heads import Head

_BESIDE_CONNECTION: Final = frozenset(
    {
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"upgrade",
        b"http2-settings",
        b"proxy-authorization",
        b"proxy-authenticate",
    }
)
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"trailer", b"host"})
_PERSISTENCE: Final = frozenset({b"close", b"keep-alive"})
_CONNECTION: Final = frozenset({b"connection"})


class Hop(NamedTuple):
    """What changes in a head."""

    drop: frozenset[bytes]
    """Names of the headers to leave out, in lower case."""
    connection: bytes | None
    """What `Connection` says in place of what is left out; None: nothing."""


UNCHANGED: Final = Hop(frozenset(), None)


def next_hop(head: Head) -> Hop:
    """What of a head is not for the next hop."""
    if _BESIDE_CONNECTION.isdisjoint(head.first):
        value = head.first.get(b"connection")
        if value is None or (not head.repeated and value.lower() in _PERSISTENCE):
            return UNCHANGED  # as nearly always
    options = _options(head)
    drop = _BESIDE_CONNECTION.intersection(head.first)
    said = options & _PERSISTENCE
    if b"te" in drop and {value.lower() for value in head.all(b"te")} == {b"trailers"}:
        drop, said = drop - {b"te"}, said | (options & {b"te"})
    drop |= options.intersection(head.first) - _FRAMING - _CONNECTION - (said - _PERSISTENCE)
    if said == options:
        return Hop(drop, None) if drop else UNCHANGED
    return Hop(drop | _CONNECTION, b", ".join(sorted(said)) if said else None)


def _options(head: Head) -> frozenset[bytes]:
    """What `Connection` names, in lower case."""
    values = head.all(b"connection")
    if not values:
        return frozenset()
    tokens = (token.strip(b" \t").lower() for token in b",".join(values).split(b","))
    return frozenset(token for token in tokens if token)
