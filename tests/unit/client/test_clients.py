"""What the clients yield of a batch whose sending ends in an error."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import orjson
import pytest
from typer.testing import CliRunner

from modelward.cli.failure import CommandError
from modelward.cli.main import app
from modelward.client import AsyncFeedbackClient, FeedbackClient, FeedbackError, Item, Result, Retry

ITEMS = [Item("a", 1), Item("b", 0), Item("c", 1)]
ONCE = Retry(attempts=2, first_seconds=0)
OF_RECEIPTS = {"a": "full", "b": "accepted", "c": "stale"}


def answer(request: httpx.Request) -> httpx.Response:
    """Take b, refuse c, and have no room for a, ever."""
    receipts = [orjson.loads(line)["receipt"] for line in request.content.splitlines()]
    lines = [orjson.dumps({"result": OF_RECEIPTS[receipt]}) for receipt in receipts]
    return httpx.Response(429, headers={"retry-after": "0"}, content=b"\n".join(lines))


TRANSPORT = httpx.MockTransport(answer)
SETTLED = [Result(ITEMS[1], "accepted"), Result(ITEMS[2], "stale")]


def test_what_was_settled_is_yielded_before_the_error() -> None:
    """The caller learns which labels need not be sent again."""
    found: list[Result] = []
    with (
        FeedbackClient("http://m", ONCE, httpx.Client(transport=TRANSPORT)) as client,
        pytest.raises(FeedbackError, match="1 labels not sent"),
    ):
        found.extend(client.send(ITEMS))
    assert found == SETTLED


async def fill(found: list[Result], results: AsyncIterator[Result]) -> None:
    """Add results as they come, so that those before an error stay."""
    async for result in results:
        found.append(result)  # noqa: PERF401 - a list made at once is lost with the error


async def test_what_was_settled_is_yielded_before_the_error_with_asyncio() -> None:
    """As above, for asyncio."""
    found: list[Result] = []
    async with AsyncFeedbackClient("http://m", ONCE, httpx.AsyncClient(transport=TRANSPORT)) as client:
        with pytest.raises(FeedbackError, match="1 labels not sent"):
            await fill(found, client.send(ITEMS))
    assert found == SETTLED


def test_the_command_counts_what_was_settled_before_the_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its error says how many were accepted, and the refused keep the numbers of their rows."""
    client = partial(FeedbackClient, retry=ONCE, http=httpx.Client(transport=TRANSPORT))
    monkeypatch.setattr("modelward.client.FeedbackClient", client)
    labels, refused = tmp_path / "labels.csv", tmp_path / "refused.csv"
    labels.write_text("receipt,label\na,1\nb,0\nc,1\n")
    arguments = ["feedback", "--url", "http://m", "--csv", str(labels), "--refused", str(refused)]
    with pytest.raises(CommandError, match=r"1 labels not sent .*; 1 accepted, 1 stale before that"):
        CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)
    assert refused.read_text().splitlines()[1:] == ["3,c,stale,"]
