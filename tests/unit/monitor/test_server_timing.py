"""The time of a server's reads, from its `Server-Timing` header."""

import pytest

from modelward.monitor.heads import parse_response
from modelward.monitor.server_timing import storage_ms


def _read(*values: str) -> float | None:
    lines = "".join(f"Server-Timing: {value}\r\n" for value in values)
    return storage_ms(parse_response(f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n".encode()))


@pytest.mark.parametrize(
    ("value", "expected_ms"),
    [
        ("storage;dur=12.5", 12.5),
        ("storage;dur=0", 0),
        ('storage;dur="12.5"', 12.5),
        ("storage ; DUR = 3e2", 300),
        ('cache;desc="a, b; storage;dur=9";dur=1, storage;dur=2', 2),
        ('storage;desc="S3 \\" read, 2nd";dur=7', 7),
        ("storage;dur=5, storage;dur=70, storage;dur=6", 70),
        ("storage;dur=5;dur=70", 5),
        ("miss, storage;dur=4, total;dur=400", 4),
    ],
)
def test_the_storage_metric_is_found(value: str, expected_ms: float) -> None:
    """Parameters, quotes and other metrics are read as the specification has them."""
    assert _read(value) == expected_ms


@pytest.mark.parametrize(
    "value",
    [
        "",
        "storage",
        "storage;dur",
        "storage;dur=",
        "storage;dur=fast",
        "storage;dur=-1",
        "storage;dur=nan",
        "storage;dur=inf",
        "storage;dur=fast;dur=1",
        'storage;desc="dur=1"',
        "storages;dur=1",
        "Storage;dur=1",
        "total;dur=1",
        ";dur=1",
        'storage;desc="unfinished;dur=1',
    ],
)
def test_what_names_no_time_is_no_time(value: str) -> None:
    """A header that is broken, or of something else, must not be taken for a fast read."""
    assert _read(value) is None


def test_several_headers_are_one_list() -> None:
    """A server may send the header more than once."""
    assert _read("total;dur=900", "storage;dur=1", "storage;dur=3") == 3
    assert _read() is None
