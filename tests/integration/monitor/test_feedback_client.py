"""The client of labels and the command line against a monitor: labels arrive, are counted, and come again."""

import asyncio
import csv
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from modelward.cli.failure import CommandError
from modelward.cli.main import app
from modelward.client import AsyncFeedbackClient, FeedbackClient, FeedbackError, Item, Retry
from modelward.client.batch import MAX_ITEMS
from modelward.conventions import METRIC_FEEDBACK
from modelward.monitor.labels import MAX_WAITING, RELEASED_PER_SCRAPE
from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.model_server import ModelServer
from tests.integration.monitor.monitor_process import MonitorProcess
from tests.integration.monitor.raw_client import infer
from tests.integration.monitor.test_feedback import made
from tests.integration.signals.conditions import until_answered

INFER = "/v2/models/m/infer"
QUICK = Retry(attempts=50, first_seconds=0.05, longest_seconds=0.2)


@pytest.fixture
def monitor(start_monitor: MonitorFactory, server: ModelServer) -> MonitorProcess:
    """A monitor of the test's own, so that its counts are."""
    return start_monitor(server.port)


async def counted(monitor: MonitorProcess, good: float, bad: float) -> None:
    """Wait until so many labels are counted; every look releases some."""

    async def is_so() -> bool:
        return (await monitor.scrape()).verdicts("accuracy") == (good, bad)

    await until_answered(is_so, f"{good} good and {bad} bad labels")


async def test_a_receipt_that_was_kept_takes_its_label_back(monitor: MonitorProcess) -> None:
    """From the answer's header by the caller's key to the count of its revision."""

    def predict_and_label() -> list[str]:
        with FeedbackClient(monitor.url("")) as client:
            body = infer().partition(b"\r\n\r\n")[2]
            answer = client.http.post(monitor.url(INFER), content=body)
            assert client.receipts.keep("order-1", answer.headers)
            receipt = client.receipts.take("order-1")
            assert receipt is not None
            return [result.result for result in client.send([Item(receipt, 1), Item("nonsense", 1)])]

    assert await asyncio.to_thread(predict_and_label) == ["accepted", "forged"]
    await counted(monitor, 1, 0)


async def test_labels_that_found_the_queue_full_come_again(monitor: MonitorProcess) -> None:
    """More labels than the monitor takes at once are all taken, as scrapes make room."""
    items = [Item(made((1,) * 8), [1] * 8) for _ in range(MAX_WAITING // 8 + 2 * RELEASED_PER_SCRAPE // 8)]
    is_over = asyncio.Event()

    async def scrape_on() -> None:
        while not is_over.is_set():
            await monitor.scrape()
            await asyncio.sleep(0)

    scraping = asyncio.create_task(scrape_on())
    async with AsyncFeedbackClient(monitor.url(""), retry=QUICK) as client:
        found = [result.result async for result in client.send(items)]
    is_over.set()
    await scraping
    assert found == ["accepted"] * len(items)
    assert (await monitor.scrape("/metrics")).get(METRIC_FEEDBACK, result="accepted") == len(items)


async def test_a_service_that_stays_away_is_an_error(monitor: MonitorProcess) -> None:
    """After its attempts the client says what was not sent; the next try begins where it ended."""
    monitor.stop()
    async with AsyncFeedbackClient(monitor.url(""), retry=Retry(attempts=2, first_seconds=0.01)) as client:
        with pytest.raises(FeedbackError, match="1 labels not sent after 2 attempts"):
            [result async for result in client.send([Item("v1.a.b", 1)])]
    with (
        FeedbackClient(monitor.url(""), retry=Retry(attempts=2, first_seconds=0.01)) as blocking,
        pytest.raises(FeedbackError, match="not sent"),
    ):
        list(blocking.send([Item("v1.a.b", 1)]))


async def test_clients_use_the_caller_s_own_http(monitor: MonitorProcess) -> None:
    """Headers, certificates and transports are the caller's; here a transport that is away at first."""
    asked = 0

    async def first_away(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked == 1:
            return httpx.Response(503)
        async with httpx.AsyncClient() as through:
            return await through.post(
                monitor.url("/v1/feedback"), content=request.content, headers=request.headers
            )

    own = httpx.AsyncClient(transport=httpx.MockTransport(first_away))
    async with AsyncFeedbackClient("http://elsewhere", retry=QUICK, http=own) as client:
        assert [result.accepted async for result in client.send([Item(made(), 1)])] == [True]
    assert asked == 2


def run(monitor: MonitorProcess, labels: Path, *more: str) -> int:
    """Run the command; the exit code."""
    arguments = ["feedback", "--url", monitor.url(""), "--csv", str(labels), *more]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)
    return int(result.return_value or 0)


async def test_a_csv_file_is_sent(monitor: MonitorProcess, tmp_path: Path) -> None:
    """Labels, lists of them, predictions and judgements; those refused are in a file with the reason."""
    labels, refused = tmp_path / "labels.csv", tmp_path / "refused.csv"
    with labels.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("receipt", "label", "prediction", "good"))
        writer.writerow((made((1,)), "1", "", ""))
        writer.writerow((made((1, 0)), "[1, 1]", "", ""))
        writer.writerow((made(None), "cat", "cat", ""))
        writer.writerow((made(None), "", "", "false"))
        writer.writerow(("v1.nonsense.x", "1", "", ""))
    assert await asyncio.to_thread(run, monitor, labels, "--refused", str(refused)) == 1
    await counted(monitor, 3, 2)
    with refused.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["row"], row["receipt"], row["result"]) == ("5", "v1.nonsense.x", "forged")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
async def test_a_csv_file_without_refusals_ends_well(
    monitor: MonitorProcess, tmp_path: Path, encoding: str
) -> None:
    """A nightly job can rely on the exit code, also where a spreadsheet marks its file as UTF-8."""
    labels = tmp_path / "labels.csv"
    labels.write_text(f"receipt,label\n{made()},1\n", encoding=encoding)
    assert await asyncio.to_thread(run, monitor, labels) == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a,b\n1,2\n", "has the columns a, b; write receipt, and label or good"),
        ("", "has the columns none"),
        ("receipt,good\nv1.a.b,perhaps\n", "line 2: good is 'perhaps'; write true, false or nothing"),
        ("receipt,label\nv1.a.b\n", "line 2: it has another number of columns than the header"),
        ('receipt,label\nv1.a.b,"[1,"\n', "line 2: '\\[1,' is no JSON list .*; no labels sent before that"),
        ("receipt,label,label\nv1.a.b,1,0\n", "has the columns receipt, label, label; write receipt"),
    ],
)
async def test_a_csv_file_that_is_none_is_told(
    shared_monitor: MonitorProcess, tmp_path: Path, text: str, problem: str
) -> None:
    """The error names the file, the line and what to write."""
    labels = tmp_path / "labels.csv"
    labels.write_text(text)
    with pytest.raises(CommandError, match=problem):
        await asyncio.to_thread(run, shared_monitor, labels)


async def test_a_bad_line_after_labels_that_were_sent(monitor: MonitorProcess, tmp_path: Path) -> None:
    """The error says what was sent before it, so that nobody sends that again."""
    labels = tmp_path / "labels.csv"
    rows = "".join(f"{made()},1\n" for _ in range(MAX_ITEMS + 1))
    labels.write_text(f"receipt,label\n{rows}v1.a.b\n")
    with pytest.raises(CommandError, match=f"line {MAX_ITEMS + 3}: .*; {MAX_ITEMS} accepted before that"):
        await asyncio.to_thread(run, monitor, labels)


@pytest.mark.parametrize("url", ["electricity", "ftp://electricity", "http://electricity:port"])
async def test_an_address_that_is_none(url: str) -> None:
    """It is told at once, for trying again does not help."""
    with pytest.raises(FeedbackError, match=r"can't be sent to .*; write the Service's address"):
        list(FeedbackClient(url).send([Item(made(), 1)]))
    with pytest.raises(FeedbackError, match="can't be sent to"):
        _ = [result async for result in AsyncFeedbackClient(url).send([Item(made(), 1)])]
