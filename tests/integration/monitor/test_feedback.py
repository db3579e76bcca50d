"""Receipts on predictions, and labels that come back for them."""

import asyncio
import base64
import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from modelward.conventions import (
    HEADER_RECEIPT,
    METRIC_CONFUSION,
    METRIC_EVENTS,
    METRIC_FEEDBACK,
    METRIC_LABEL_DELAY,
    METRIC_LABELLED,
)
from modelward.monitor.labels import MAX_WAITING, RELEASED_PER_SCRAPE
from modelward.monitor.receipts import Predicted, Receipt, new_id, sign, verify
from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.model_server import Connection, ModelServer, Request, answer, prediction
from tests.integration.monitor.monitor_process import (
    DEPLOYMENT,
    NAMESPACE,
    RECEIPT_KEY,
    REVISION,
    MonitorProcess,
    configuration,
)
from tests.integration.monitor.raw_client import RawClient, infer
from tests.integration.signals.conditions import until_answered

OTHER_KEY = bytes(range(100, 132))


def made(
    predictions: tuple[Predicted, ...] | None = (1,),
    revision: str = REVISION,
    age_seconds: float = 0,
    key: bytes = RECEIPT_KEY,
    namespace: str = NAMESPACE,
) -> str:
    """A receipt as a monitor would have made it."""
    receipt = Receipt(
        namespace=namespace,
        deployment=DEPLOYMENT,
        revision=revision,
        time_s=time.time() - age_seconds,
        storage="unknown",
        receipt_id=new_id(),
        predictions=predictions,
        prediction_count=len(predictions or ()),
    )
    value = sign(receipt, key)
    assert value is not None
    return value.decode()


async def send(monitor: MonitorProcess, body: Any, **headers: str) -> tuple[int, Any]:
    """POST feedback; status and the answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.post(monitor.url("/v1/feedback"), data=data, headers=named) as got,
    ):
        if got.content_type == "application/x-ndjson":
            return got.status, [json.loads(line) for line in (await got.text()).splitlines()]
        return got.status, await got.json()


async def receipt_of(monitor: MonitorProcess) -> str:
    """Ask for a prediction and return its receipt."""
    async with RawClient(monitor.serving_port) as client:
        value = (await client.ask(infer())).header(HEADER_RECEIPT)
    assert value is not None
    return value


async def labels(monitor: MonitorProcess, revision: str = REVISION) -> tuple[float, float]:
    """Good and bad labels that this test made, after one more scrape."""
    good, bad = (await monitor.scrape()).verdicts("accuracy", revision)
    assert good is not None
    assert bad is not None
    before = monitor.accuracy_before if revision == REVISION else (0, 0)
    return good - before[0], bad - before[1]


async def accuracy(monitor: MonitorProcess, good: float, bad: float, revision: str = REVISION) -> None:
    """Wait until the accuracy counts are these; every look releases labels, as a scrape does."""

    async def counted() -> bool:
        return await labels(monitor, revision) == (good, bad)

    await until_answered(counted, f"accuracy of {revision} {good} good, {bad} bad")


@pytest.fixture(scope="module")
def labels_monitor(tmp_path_factory: pytest.TempPathFactory, server_port: int) -> Iterator[MonitorProcess]:
    """Run a monitor for all tests that send it labels."""
    process = MonitorProcess(tmp_path_factory.mktemp("labels"), configuration(server_port))
    process.start()
    yield process
    assert process.stop() == 0, process.log()


@pytest.fixture
async def monitor(labels_monitor: MonitorProcess, server: ModelServer) -> MonitorProcess:
    """Wait until the labels of earlier tests have been counted, so that the test's own can be told."""
    assert server.port

    async def all_counted() -> bool:
        await labels_monitor.scrape()
        return (await labels_monitor.scrape("/metrics")).get("modelward_labels_waiting") == 0

    await until_answered(all_counted, "no labels wait")
    labels_monitor.accuracy_before = (0, 0)
    labels_monitor.accuracy_before = await labels(labels_monitor)
    return labels_monitor


async def test_label_comes_back(monitor: MonitorProcess) -> None:
    """A label that agrees with the prediction in its receipt is good, one that does not is bad."""
    for label, expected in ((1, (1, 0)), (0, (1, 1)), ("1", (2, 1)), (1.5, (3, 1)), (True, (4, 1))):
        assert await send(monitor, {"receipt": await receipt_of(monitor), "label": label}) == (
            200,
            {"result": "accepted"},
        )
        await accuracy(monitor, *expected)


async def test_receipt_says_what_it_must(monitor: MonitorProcess) -> None:
    """A receipt names revision, time and predictions, is signed, differs each time and stays small."""
    values = [await receipt_of(monitor) for _ in range(3)]
    receipts = [verify(value, (RECEIPT_KEY,)) for value in values]
    assert len({receipt.receipt_id for receipt in receipts}) == 3
    assert {(receipt.revision, receipt.predictions) for receipt in receipts} == {(REVISION, (1,))}
    assert all(abs(receipt.time_s - time.time()) < 60 for receipt in receipts)
    assert max(map(len, values)) <= 2048


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"x" * 20_000, ()),
        (b"not json", ()),
        (b'{"outputs": []}', ()),
        (json.dumps({"outputs": [{"name": "p", "shape": [1, 3], "data": [0.1, 0.2, None]}]}).encode(), ()),
        (gzip.compress(b"{", mtime=0), ("Content-Encoding: gzip",)),
        (b'{"outputs":[{"name":"p","shape":[1],"data":[1]}]}', ("Content-Encoding: br",)),
        (b'{"outputs":[{"name":"p","shape":[1],"data":[1]}]}', ("Inference-Header-Content-Length: 3",)),
    ],
)
async def test_answers_that_cannot_be_read(
    shared_monitor: MonitorProcess, server: ModelServer, body: bytes, headers: tuple[str, ...]
) -> None:
    """An answer without readable predictions passes as it is, with a receipt that holds none."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(answer(body, "200 OK", *headers))

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        got = await client.ask(infer())
    assert got.body == body
    assert verify(got.header(HEADER_RECEIPT) or "", (RECEIPT_KEY,)).predictions is None


async def test_gzipped_answer_is_read(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """A short gzipped answer passes as it is and its predictions are in the receipt."""
    packed = gzip.compress(
        json.dumps({"outputs": [{"name": "p", "shape": [2], "data": ["a", "b"]}]}).encode()
    )

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(answer(packed, "200 OK", "Content-Encoding: gzip"))

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        got = await client.ask(infer())
    assert got.body == packed
    assert verify(got.header(HEADER_RECEIPT) or "", (RECEIPT_KEY,)).predictions == ("a", "b")


async def test_no_receipt_for_a_failure(shared_monitor: MonitorProcess, server: ModelServer) -> None:
    """What is no successful prediction gets no receipt."""

    async def reply(_request: Request, connection: Connection) -> None:
        connection.write(prediction("500 Internal Server Error"))

    server.handler = reply
    async with RawClient(shared_monitor.serving_port) as client:
        assert (await client.ask(infer())).header(HEADER_RECEIPT) is None


async def test_sender_may_bring_the_prediction_or_judge(monitor: MonitorProcess) -> None:
    """Without predictions in the receipt the sender's prediction, or its own judgement, counts."""
    assert (await send(monitor, {"receipt": made(None), "label": 3, "prediction": 3}))[0] == 200
    assert (await send(monitor, {"receipt": made(None), "good": False}))[0] == 200
    assert (await send(monitor, {"receipt": made(None), "label": [1, 2], "prediction": [1, 9]}))[0] == 200
    await accuracy(monitor, 2, 2)


@pytest.mark.parametrize(
    ("item", "status", "result", "text"),
    [
        ({"receipt": "v1.aaaa.bbbb", "label": 1}, 403, "forged", "signature"),
        ({"receipt": "v1.a.b", "label": 1}, 403, "forged", "base64url"),
        ({"receipt": "nonsense", "label": 1}, 403, "forged", "v1.<payload>.<signature>"),
        ({"receipt": made(key=OTHER_KEY), "label": 1}, 403, "forged", "signature"),
        ({"receipt": made(namespace="other"), "label": 1}, 403, "foreign", "other/electricity"),
        ({"receipt": made(age_seconds=31 * 86400), "label": 1}, 410, "stale", "older"),
        ({"receipt": made(None), "label": 1}, 400, "malformed", "holds no prediction"),
        ({"receipt": made((1, 2)), "label": 1}, 400, "malformed", "2 predictions, not 1"),
        ({"receipt": made(), "label": {"a": 1}}, 400, "malformed", "label must be"),
        ({"receipt": made(), "label": []}, 400, "malformed", "label must be"),
        ({"receipt": made(), "label": 1, "prediction": [1, 2]}, 400, "malformed", "1 labels but 2"),
        ({"receipt": made(), "good": 1}, 400, "malformed", "true or false"),
        ({"receipt": made()}, 400, "malformed", "needs a label"),
        ({"label": 1}, 400, "malformed", "receipt"),
        (b"{", 400, "malformed", "not JSON"),
        ({"items": 3}, 400, "malformed", "items must be a list"),
    ],
)
async def test_wrong_feedback_is_refused_and_counted(
    shared_monitor: MonitorProcess, item: Any, status: int, result: str, text: str
) -> None:
    """Forged, foreign, stale and malformed labels are refused with what to do, counted, and no event."""
    before = (await shared_monitor.scrape("/metrics")).get(METRIC_FEEDBACK, result=result) or 0
    got, said = await send(shared_monitor, item)
    assert (got, said["result"]) == (status, result)
    assert text in said["message"]
    after = (await shared_monitor.scrape("/metrics")).get(METRIC_FEEDBACK, result=result)
    assert after == before + 1
    assert (await shared_monitor.scrape()).verdicts("accuracy") == (0, 0)


async def test_tampered_receipt_is_forged(monitor: MonitorProcess) -> None:
    """A receipt whose payload was changed, here the prediction, is refused."""
    version, payload, signature = (await receipt_of(monitor)).split(".")
    content = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    content["p"] = [0]
    forged = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
    assert (await send(monitor, {"receipt": f"{version}.{forged}.{signature}", "label": 0}))[0] == 403


async def test_repeated_receipt_counts_once(monitor: MonitorProcess) -> None:
    """The second label of a receipt is refused."""
    item = {"receipt": made(), "label": 1}
    assert (await send(monitor, item))[0] == 200
    assert await send(monitor, item) == (
        409,
        {"result": "repeated", "message": "a label for this receipt was taken already"},
    )
    await accuracy(monitor, 1, 0)


async def test_batch_and_lines(monitor: MonitorProcess) -> None:
    """A batch and NDJSON, gzipped or chunked, are answered item by item."""
    items = [{"receipt": made(), "label": 1}, {"receipt": "x", "label": 1}, {"receipt": made(), "label": 0}]
    status, said = await send(monitor, {"items": items})
    assert (status, [item["result"] for item in said["items"]]) == (200, ["accepted", "forged", "accepted"])
    lines = b"\n".join(json.dumps({"receipt": made(), "label": 1}).encode() for _ in range(3)) + b"\n{\n"
    status, said = await send(
        monitor, gzip.compress(lines), Content_Type="application/x-ndjson", Content_Encoding="gzip"
    )
    assert (status, [item["result"] for item in said]) == (200, ["accepted"] * 3 + ["malformed"])
    await accuracy(monitor, 4, 1)


async def test_chunked_feedback_waits_for_continue(monitor: MonitorProcess) -> None:
    """Feedback is taken from a client that sends chunks and waits for 100 Continue."""
    body = json.dumps({"receipt": made(), "label": 1}).encode()
    async with RawClient(monitor.serving_port) as client:
        head = b"POST /v1/feedback HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n"
        assert (await client.ask(head + b"Expect: 100-continue\r\n\r\n")).status == 100
        assert (await client.ask(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")).status == 200
        assert (await client.ask(infer())).status == 200


async def test_too_much_feedback(monitor: MonitorProcess) -> None:
    """A body over the limit is refused, whether its length is known or not."""
    for framing in (b"Content-Length: 1048577", b"Transfer-Encoding: chunked"):
        async with RawClient(monitor.serving_port) as client:
            client.send(b"POST /v1/feedback HTTP/1.1\r\nHost: m\r\n" + framing + b"\r\n\r\n")
            if b"chunked" in framing:
                client.send((b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 40)
            assert (await client.read_answer()).status == 413


async def test_labels_of_another_revision(monitor: MonitorProcess) -> None:
    """A label counts for its receipt's revision, whose label sets are exported at 0 a scrape before."""
    assert (await send(monitor, {"receipt": made(revision="electricity-old"), "label": 1}))[0] == 200
    first = await monitor.scrape()
    assert first.verdicts("accuracy", "electricity-old") == (0, 0)
    assert first.get(METRIC_EVENTS, revision="electricity-old", objective="latency") is None
    assert (await monitor.scrape()).verdicts("accuracy", "electricity-old") == (1, 0)
    assert await labels(monitor) == (0, 0)


async def test_labels_are_released_a_few_at_a_time(monitor: MonitorProcess) -> None:
    """A batch is counted over several scrapes, the oldest predictions first."""
    newer = [{"receipt": made(), "label": 1} for _ in range(RELEASED_PER_SCRAPE)]
    older = [{"receipt": made(age_seconds=100), "label": 0} for _ in range(RELEASED_PER_SCRAPE)]
    assert (await send(monitor, {"items": newer + older}))[0] == 200
    seen = [await labels(monitor) for _ in range(3)]
    assert seen == [(0, RELEASED_PER_SCRAPE), (RELEASED_PER_SCRAPE,) * 2, (RELEASED_PER_SCRAPE,) * 2]


async def test_full_queue(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """When too many labels wait, more are refused for now and can be sent again."""
    monitor = start_monitor(server.port)
    items = [{"receipt": made(None), "label": [1] * 1000, "good": True} for _ in range(MAX_WAITING // 1000)]
    assert (await send(monitor, {"items": items}))[0] == 200
    late = {"receipt": made(), "label": 1}
    async with (
        aiohttp.ClientSession() as session,
        session.post(monitor.url("/v1/feedback"), json=late) as got,
    ):
        assert (got.status, got.headers["Retry-After"]) == (429, "5")
    await monitor.scrape()
    assert (await send(monitor, late))[0] == 200


async def test_key_rotation(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """After a rotation new receipts have the new key and labels for old ones are still taken."""
    monitor = start_monitor(server.port)
    old = await receipt_of(monitor)
    monitor.write_keys(OTHER_KEY, RECEIPT_KEY)

    async def signs_anew() -> bool:
        value = await receipt_of(monitor)
        try:
            verify(value, (OTHER_KEY,))
        except Exception:  # noqa: BLE001 - any refusal means not yet
            return False
        return True

    await until_answered(signs_anew, "receipts with the new key")
    assert (await send(monitor, {"receipt": old, "label": 1}))[0] == 200


async def test_without_accuracy_objective(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """Where no objective uses labels they are refused, not thrown away silently."""
    monitor = start_monitor(server.port, objectives=[])
    status, said = await send(monitor, {"receipt": made(), "label": 1})
    assert (status, said["result"]) == (422, "no_objective")


async def test_errors_count_by_their_size(start_monitor: MonitorFactory, server: ModelServer) -> None:
    """A label is bad by its error over the clip; one without a size is refused, and is no event."""
    objective = {"name": "accuracy", "config": "m1", "kind": "accuracy", "clip": 10}
    monitor = start_monitor(server.port, objectives=[objective])
    for body, text in (
        ({"receipt": made(None), "good": True}, "send the label"),
        ({"receipt": made((1,)), "label": "cat"}, "must be a finite number"),
        ({"receipt": made((1,)), "label": "nan"}, "must be a finite number"),
    ):
        status, said = await send(monitor, body)
        assert (status, said["result"]) == (400, "malformed")
        assert text in said["message"]
    assert (await send(monitor, {"receipt": made((1, 2, 3)), "label": [3.5, 2, 99]}))[0] == 200
    await accuracy(monitor, 1.75, 1.25)


async def test_scores_are_read_as_the_objective_says(
    start_monitor: MonitorFactory, server: ModelServer
) -> None:
    """The highest score's class is compared, from the receipt or as sent, and counted by class."""
    objective = {"name": "accuracy", "config": "m1", "kind": "accuracy", "argmax": True}
    monitor = start_monitor(server.port, objectives=[objective | {"classes": ["cat", "dog"]}])
    assert (await send(monitor, {"receipt": made(((0.1, 0.9), (0.8, 0.2))), "label": ["dog", "dog"]}))[
        0
    ] == 200
    sent = {"receipt": made(None), "label": "cat", "prediction": [[0.7, 0.3]]}
    assert (await send(monitor, sent))[0] == 200
    status, said = await send(monitor, {"receipt": made(((0.1, 0.2, 0.7),)), "label": "dog"})
    assert (status, said["result"]) == (400, "malformed")
    assert "name as many" in said["message"]
    await accuracy(monitor, 2, 1)
    found = await monitor.scrape("/metrics")
    assert found.get(METRIC_CONFUSION, predicted="cat", actual="dog") == 1
    assert found.get(METRIC_CONFUSION, predicted="dog", actual="dog") == 1
    assert found.get(METRIC_CONFUSION, predicted="dog", actual="cat") == 0
    assert found.get(METRIC_LABELLED) == 2
    assert found.get(f"{METRIC_LABEL_DELAY}_count") == 2


async def test_feedback_delays_no_request(monitor: MonitorProcess) -> None:
    """While a large batch is taken, predictions go on being answered."""
    lines = b"\n".join(json.dumps({"receipt": made(None), "label": 1}).encode() for _ in range(2500))
    batch = asyncio.create_task(send(monitor, lines, Content_Type="application/x-ndjson"))
    answered = 0
    async with RawClient(monitor.serving_port) as client:
        while not batch.done():
            assert (await client.ask(infer())).status == 200
            answered += 1
    status, said = batch.result()
    assert (status, {item["result"] for item in said}) == (200, {"malformed"})
    assert answered > 3
