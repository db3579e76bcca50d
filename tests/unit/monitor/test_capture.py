"""The share of exchanges that is sampled, the ring they pass through, and what is read from their bodies."""

import gzip
import json
import mmap
import random
import struct
from typing import Any

import pytest

from modelward.api.monitorconfig import MonitorConfig
from modelward.monitor.capture import bodies, messages
from modelward.monitor.capture.bodies import UnreadableError
from modelward.monitor.capture.messages import Facts, Kind, Message
from modelward.monitor.capture.ring import Ring
from modelward.monitor.capture.share import Share

FEATURES = ("age", "income")


def config(**server: Any) -> MonitorConfig:
    """A configuration with a profile of two numeric features."""
    bins = [
        {"kind": "numeric", "name": name, "column": column, "edges": [0.5], "reference": [1, 1, 0, 0]}
        for column, name in enumerate(FEATURES)
    ]
    return MonitorConfig.model_validate(
        {
            "namespace": "shop",
            "deployment": "d",
            "revision": "d-1",
            "server": {"port": 1, **server},
            "drift": {"profile": "p", "columns": 2, "features": bins},
        }
    )


def test_share_is_kept() -> None:
    """About the share that is asked for is taken, of many requests at a slow pace."""
    share = Share(0.1, 1000, random.Random(1))
    taken = sum(share.takes(second / 100) for second in range(20_000))
    assert taken == pytest.approx(2000, rel=0.1)


def test_share_is_capped_each_second() -> None:
    """No more than the cap is taken in one second, and the next second has its own."""
    share = Share(1.0, 3)
    assert [share.takes(7.0 + tenth / 10) for tenth in range(10)] == [True] * 3 + [False] * 7
    assert share.takes(8.0)


def test_share_of_none() -> None:
    """A share of 0 takes nothing."""
    share = Share(0.0, 1000)
    assert not any(share.takes(0.0) for _ in range(1000))


def test_ring_gives_pieces_back_as_they_were_put() -> None:
    """Whatever the order of puts and reads, a piece that is not freed yet reads as it was written."""
    ring, rng = Ring(4096), random.Random(2)
    waiting: list[tuple[int, bytes]] = []
    refused = 0
    for _ in range(5000):
        if waiting and rng.random() < 0.5:
            place, content = waiting.pop(0)
            assert ring.read(place, len(content)) == content
            ring.free_oldest()
            continue
        content = rng.randbytes(rng.randrange(1, 2000))
        half = len(content) // 2
        written = ring.write([content[:half], content[half:]], len(content))
        if written is None:
            refused += 1
        else:
            waiting.append((written, content))
        assert all(ring.read(place, len(known)) == known for place, known in waiting)
    assert refused


def test_ring_gives_memory_back_and_nothing_of_its_neighbours() -> None:
    """The pages of a piece that has been read go back to the system; its neighbours stay as they are."""
    page = mmap.PAGESIZE
    ring = Ring(8 * page)
    pieces = [b"a" * 100, b"b" * (3 * page), b"c" * 100]
    places = [ring.write([piece], len(piece)) or 0 for piece in pieces]
    ring.give_back(places[1], len(pieces[1]))
    assert ring.read(places[0], 100) == pieces[0]
    assert ring.read(places[2], 100) == pieces[2]
    assert ring.read(page, 2 * page) == bytes(2 * page)
    ring.give_back(places[0], 100)  # less than a page: there is nothing to give
    assert ring.read(places[0], 100) == pieces[0]


def test_ring_refuses_what_does_not_fit() -> None:
    """A piece longer than the ring is refused, one of its size fits when the ring is empty or cleared."""
    ring = Ring(100)
    assert ring.write([b"x" * 101], 101) is None
    assert ring.write([b"x" * 100], 100) == 0
    assert ring.write([b"x"], 1) is None
    ring.take_back_newest()
    assert ring.write([b"x"], 1) == 0
    ring.clear()
    assert ring.write([b"x" * 100], 100) == 0


def test_message_is_read_as_written() -> None:
    """A head is parsed into what it was made of, and parts are told apart by their lengths."""
    message = Message(Kind.SAMPLE, 4711, 12, messages.NOT_IN_RING, (1, 2, 3))
    assert messages.parse(messages.head(message) + b"abbccc") == message
    assert messages.split(b"abbccc", message.lengths) == (b"a", b"bb", b"ccc")
    with pytest.raises(struct.error):
        messages.parse(b"short")


def v2(key: str, *tensors: Any) -> bytes:
    """A v2 message."""
    return json.dumps({key: list(tensors)}).encode()


def tensor(name: str, shape: list[int], data: Any) -> dict[str, Any]:
    """A v2 tensor."""
    return {"name": name, "shape": shape, "datatype": "FP64", "data": data}


AGE = v2("inputs", tensor("age", [1], [7]))
ANSWER = v2("outputs", tensor("predict", [2, 1], [0, 1]))


@pytest.mark.parametrize(
    "request_body",
    [
        v2("inputs", tensor("age", [2], [1, 2]), tensor("income", [2, 1], [3, 4])),
        v2("inputs", tensor("x", [2, 2], [1, 3, 2, 4])),
        v2("inputs", tensor("x", [2, 2], [[1, 3], [2, 4]])),
    ],
)
def test_v2_is_read_flat_and_nested(request_body: bytes) -> None:
    """Named tensors, one flat matrix and one nested matrix give the same columns."""
    table = bodies.read(Facts(), request_body, ANSWER, config())
    assert table.columns == {"age": [1, 2], "income": [3, 4]}
    assert table.predictions == [0, 1]


def test_v2_binary_is_read() -> None:
    """Tensors of the binary extension are read behind the JSON, whose length the header names."""
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": name,
                    "shape": [2],
                    "datatype": "FP32",
                    "parameters": {"binary_data_size": 8},
                }
                for name in FEATURES
            ]
        }
    ).encode()
    labels = json.dumps(
        {
            "outputs": [
                {
                    "name": "predict",
                    "shape": [2],
                    "datatype": "BYTES",
                    "parameters": {"binary_data_size": 11},
                }
            ]
        }
    ).encode()
    facts = Facts(request_json_bytes=len(head), answer_json_bytes=len(labels))
    request_body = head + struct.pack("<4f", 1, 2, 3, 4)
    answer = labels + b"\x01\0\0\0a\x02\0\0\0bc"
    table = bodies.read(facts, request_body, answer, config())
    assert table.columns == {"age": [1.0, 2.0], "income": [3.0, 4.0]}
    assert table.predictions == ["a", "bc"]


def test_framing_and_coding_are_taken_off() -> None:
    """A gzipped request and a chunked answer are read like plain ones."""
    request_body = gzip.compress(AGE)
    whole = v2("outputs", tensor("predict", [1], [1]))
    answer = b"5;x=y\r\n%s\r\n%x\r\n%s\r\n0\r\nTrailer: t\r\n\r\n" % (whole[:5], len(whole) - 5, whole[5:])
    facts = Facts(request_encoding="GZip", answer_is_chunked=True)
    table = bodies.read(facts, request_body, answer, config())
    assert (table.columns, table.predictions) == ({"age": [7], "income": [None]}, [1])


@pytest.mark.parametrize(
    ("answer", "predictions"),
    [
        (b'{"result": {"class": [1, 0]}}', [1, 0]),
        (b'{"result": {"class": [[1], [0]]}}', [1, 0]),
        (b'{"result": {"class": 1}}', [1]),
        (b'{"result": {}}', []),
        (b'{"result": {"class": {"a": 1}}}', []),
        (b"[1]", []),
    ],
)
def test_plain_http_is_read_by_its_pointer(answer: bytes, predictions: list[object]) -> None:
    """A plain server's predictions are where the pointer says, its features are named in the request."""
    server = config(protocol="http", prediction="/result/class")
    table = bodies.read(Facts(), b'[{"age": 1}, {"income": 2}]', answer, server)
    assert table.columns == {"age": [1, None], "income": [None, 2]}
    assert table.predictions == predictions


@pytest.mark.parametrize(
    ("facts", "request_body"),
    [
        (Facts(), b"no json"),
        (Facts(), b"[]"),
        (Facts(), b'{"inputs": [1]}'),
        (Facts(), b'{"inputs": [{"name": "age", "shape": "x", "data": []}]}'),
        (Facts(request_encoding="br"), b"{}"),
        (Facts(request_encoding="gzip"), b"no gzip"),
        (Facts(request_encoding="gzip"), gzip.compress(b"{}" * 1000, mtime=0)[:-9]),
        (Facts(request_encoding="gzip"), gzip.compress(AGE + b" " * 1024 * 1024, mtime=0)),
        (Facts(), v2("inputs", tensor("age", [1], json.loads("[" * 17 + "1" + "]" * 17)))),
        (Facts(request_is_chunked=True), b"5\r\nab"),
        (
            Facts(request_json_bytes=2),
            b"{}",
        ),
        (
            Facts(),
            v2(
                "inputs",
                {"name": "a", "shape": [9], "datatype": "FP32", "parameters": {"binary_data_size": 36}},
            ),
        ),
    ],
)
def test_what_is_not_as_its_headers_say_is_unreadable(facts: Facts, request_body: bytes) -> None:
    """A broken body, one that unpacks to too much and one nested too deep are reported, whatever is wrong."""
    with pytest.raises(UnreadableError):
        bodies.read(facts, request_body, ANSWER, config())
