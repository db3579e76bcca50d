"""What a call's trailers say."""

import grpc
import pytest

from modelward.monitor.grpc.status import Status, read_status


def test_every_code_is_known() -> None:
    """The codes are gRPC's own, and each has an HTTP status of its meaning."""
    assert {(code.name, code.value[0]) for code in grpc.StatusCode} == {(code.name, code) for code in Status}
    server_errors = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
    assert {code.name for code in Status if code.http >= 500} == server_errors


@pytest.mark.parametrize(
    ("value", "status"),
    [(b"0", Status.OK), (b"14", Status.UNAVAILABLE), (b"16", Status.UNAUTHENTICATED)],
)
def test_a_status_is_read(value: bytes, status: Status) -> None:
    """A number is the code of that number."""
    assert read_status(value) is status


@pytest.mark.parametrize("value", [None, b"", b"17", b"-1", b"OK", b"9" * 5000, "²".encode()])
def test_no_status_is_unknown(value: bytes | None) -> None:
    """What is no code counts as UNKNOWN, as gRPC has it."""
    assert read_status(value) is Status.UNKNOWN
