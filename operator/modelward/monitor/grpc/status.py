"""Statuses of gRPC calls, and what they are in terms of HTTP, by which events are judged."""

from enum import IntEnum


class Status(IntEnum):
    """Codes of grpc-status (gRPC, "Status codes and their use in gRPC")."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @property
    def http(self) -> int:
        """The HTTP status of the same meaning (google/rpc/code.proto).

        Those from 500 on are the six that OpenTelemetry's conventions for RPC hold for a server's errors.
        """
        return _HTTP[self]


_HTTP = {
    Status.OK: 200,
    Status.CANCELLED: 499,
    Status.UNKNOWN: 500,
    Status.INVALID_ARGUMENT: 400,
    Status.DEADLINE_EXCEEDED: 504,
    Status.NOT_FOUND: 404,
    Status.ALREADY_EXISTS: 409,
    Status.PERMISSION_DENIED: 403,
    Status.RESOURCE_EXHAUSTED: 429,
    Status.FAILED_PRECONDITION: 400,
    Status.ABORTED: 409,
    Status.OUT_OF_RANGE: 400,
    Status.UNIMPLEMENTED: 501,
    Status.INTERNAL: 500,
    Status.UNAVAILABLE: 503,
    Status.DATA_LOSS: 500,
    Status.UNAUTHENTICATED: 401,
}


def read_status(value: bytes | None) -> Status:
    """The status that a call's trailers hold; UNKNOWN where they hold none, or a code that is not one."""
    if value is None or not value.isdigit() or len(value) > 2:  # noqa: PLR2004 - as many digits as 16 has
        return Status.UNKNOWN
    code = int(value)
    return Status(code) if code in _HTTP else Status.UNKNOWN
