"""How much feedback one request may bring."""

import asyncio
import gzip

import orjson
import pytest

from modelward.monitor import feedback
from modelward.monitor.feedback import MAX_ITEMS
from modelward.monitor.state import MonitorState

NDJSON = "application/x-ndjson"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}\n" * (MAX_ITEMS + 1), NDJSON),
        (b"{}\n" * MAX_ITEMS + b"{}", NDJSON),
        (b"\n" * 1_000_000, NDJSON),
        (b'{"items": [' + b"{}," * MAX_ITEMS + b"{}]}", "application/json"),
    ],
)
def test_too_many_items_are_refused(body: bytes, content_type: str) -> None:
    """A request of too many items is refused whole, however small it is packed, and told what to do."""
    state = MonitorState(started_s=0.0)
    given = asyncio.run(feedback.answer(state, gzip.compress(body), content_type, "gzip"))
    assert given.status == 413
    assert orjson.loads(given.body)["message"] == "feedback of more than 10000 items; send smaller batches"
    assert state.counts.feedback == {"malformed": 1}


def test_as_many_as_are_allowed() -> None:
    """The last item that is allowed is answered, too, and an empty line is none."""
    state = MonitorState(started_s=0.0)
    body = b"{}\r\n\n" + b"{}\n" * (MAX_ITEMS - 2)
    given = asyncio.run(feedback.answer(state, body, NDJSON, ""))
    assert (given.status, given.body.count(b"\n")) == (429, MAX_ITEMS - 1)
