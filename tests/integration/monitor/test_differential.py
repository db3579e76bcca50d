"""Whatever is asked and answered, client and server see the same bytes as without the monitor."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dev.cluster.controlplane import free_ports
from tests.integration.monitor.conftest import MonitorFactory
from tests.integration.monitor.monitor_process import MonitorProcess

LIMIT_SECONDS = 60
RECEIPT = re.compile(rb"modelward-receipt: [^\r\n]+\r\n")
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=10).map(lambda text: f"x-{text}")
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
HEADERS = st.lists(st.tuples(TOKENS, VALUES), max_size=5)
BODIES = st.binary(max_size=3000)


HOP_HEADERS = {
    "keep-alive": "timeout=5, max=9",
    "proxy-connection": "keep-alive",
    "te": "gzip",
    "upgrade": "websocket",
    "proxy-authorization": "Basic YTpi",
    "proxy-authenticate": "Basic",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One request and its answer, as bytes."""

    request: bytes
    answer: bytes
    forwarded: bytes = b""
    """The request as the server gets it from the monitor, where that differs."""
    returned: bytes = b""
    """The answer as the client gets it from the monitor, where that differs."""

    def through_monitor(self) -> "Turn":
        """What is to be seen of it behind the monitor."""
        return Turn(self.forwarded or self.request, self.returned or self.answer)

    @property
    def earns_receipt(self) -> bool:
        """Whether it is a prediction that was answered well."""
        is_prediction = self.request.startswith(b"POST /v2/models/m/infer")
        return is_prediction and re.search(rb"HTTP/1.1 2", self.answer) is not None


class Receipts(Enum):
    """Whether the monitor, which adds receipts, is asked."""

    EXPECTED = "expected"
    NONE = "none"


def message(start: str, headers: list[tuple[str, str]], body: bytes, framing: str, cut: int) -> bytes:
    """A message whose body has a length, comes in chunks, or is not there."""
    lines = [start, *(f"{name}: {value}" for name, value in headers)]
    if framing == "none":
        return "\r\n".join(lines).encode() + b"\r\n\r\n"
    if framing == "length":
        return "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body
    pieces = [piece for piece in (body[:cut], body[cut:]) if piece]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    trailer = b"Trailer: t\r\n" if cut % 2 else b""
    return (
        "\r\n".join([*lines, "Transfer-Encoding: chunked"]).encode()
        + b"\r\n\r\n"
        + chunks
        + b"0\r\n"
        + trailer
        + b"\r\n"
    )


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """A request and an answer that belong together."""
    method = draw(st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"]))
    path = draw(
        st.sampled_from(["/", "/v2/models/m", "/v2/models/m/infer", "/v2/models/m/infer?a=b", "/x%20y"])
    )
    sends_body = method not in {"GET", "HEAD", "OPTIONS"}
    framing = draw(st.sampled_from(["length", "chunked"])) if sends_body else "none"
    headers = [("Host", "model"), *draw(HEADERS)]
    request = message(f"{method} {path} HTTP/1.1", headers, draw(BODIES), framing, draw(st.integers(0, 3000)))
    status = draw(
        st.sampled_from(["200 OK", "201 Created", "204 No Content", "304 Not Modified", "404 No", "500 Oh"])
    )
    bare = method == "HEAD" or status[:3] in {"204", "304"}
    answer_framing = "none" if bare else draw(st.sampled_from(["length", "chunked"]))
    answer = message(
        f"HTTP/1.1 {status}", draw(HEADERS), draw(BODIES), answer_framing, draw(st.integers(0, 3000))
    )
    interim = draw(st.sampled_from([b"", b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"]))
    return Turn(request, interim + answer)


@st.composite
def hop_headers(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Headers as they are sent, and those of them that RFC 9110 7.6.1 lets pass."""
    passed = draw(HEADERS)
    named = [(f"n-{name}", value) for name, value in draw(HEADERS)]
    sent = [
        *passed,
        *named,
        *((name, HOP_HEADERS[name]) for name in draw(st.sets(st.sampled_from(list(HOP_HEADERS))))),
    ]
    sent = draw(st.permutations(sent))
    kept = [header for header in sent if header in passed]
    options = sorted({name for name, _ in named} | ({name for name, _ in sent} & {"te", "upgrade"}))
    stays = draw(st.sampled_from([[], ["Keep-Alive"]]))
    if options:
        place = draw(st.integers(0, len(options)))
        sent.insert(0, ("Connection", ", ".join([*options[:place], *stays, *options[place:]])))
        kept += [("Connection", "keep-alive")] if stays else []
    return sent, kept


@st.composite
def turns_with_hop_headers(draw: st.DrawFn) -> Turn:
    """A request and an answer with headers that are for one hop alone."""
    (asked, asked_on), (answered, answered_on) = draw(hop_headers()), draw(hop_headers())
    body, framing, cut = (
        draw(BODIES),
        draw(st.sampled_from(["length", "chunked"])),
        draw(st.integers(0, 3000)),
    )

    def request(headers: list[tuple[str, str]]) -> bytes:
        return framed_first("POST / HTTP/1.1", headers, body, framing, cut)

    def answer(headers: list[tuple[str, str]]) -> bytes:
        return framed_first("HTTP/1.1 200 OK", headers, body, framing, cut)

    return Turn(request(asked), answer(answered), request(asked_on), answer(answered_on))


def framed_first(start: str, headers: list[tuple[str, str]], body: bytes, framing: str, cut: int) -> bytes:
    """A message whose framing comes before its other headers, so that what is added stands at the end."""
    bare = message(start, [], body, framing, cut)
    head, _, rest = bare.partition(b"\r\n\r\n")
    lines = "".join(f"\r\n{name}: {value}" for name, value in headers).encode()
    return head + lines + b"\r\n\r\n" + rest


@dataclass(slots=True)
class Scripted:
    """A server that reads as many bytes as a turn's request has, then sends its answer in two parts."""

    port: int
    turns: list[Turn] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    cut: int = 0
    _listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A connection that breaks off shows as an answer that the client does not get.
        with connection, contextlib.suppress(OSError):
            connection.settimeout(LIMIT_SECONDS)
            for turn in self.turns:
                request = read_exactly(connection, len(turn.request))
                if not request:
                    return
                self.received.append(request)
                connection.sendall(turn.answer[: self.cut])
                connection.sendall(turn.answer[self.cut :])
            connection.recv(1)


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes, or fewer when the connection ends."""
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            break
        data += more
    return data


def ask(port: int, turns: list[Turn], cut: int, receipts: Receipts) -> list[bytes]:
    """Send each request in two parts, and read its answer, from which a receipt is taken out."""
    answers = []
    with socket.create_connection(("127.0.0.1", port), LIMIT_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for turn in turns:
            connection.sendall(turn.request[:cut])
            connection.sendall(turn.request[cut:])
            answer, size = b"", len(turn.answer)
            if receipts is Receipts.EXPECTED and turn.earns_receipt:
                while (receipt := RECEIPT.search(answer)) is None:
                    answer += read_exactly(connection, 1)
                size += len(receipt[0])
            answer += read_exactly(connection, size - len(answer))
            answers.append(RECEIPT.sub(b"", answer))
    return answers


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """Run the scripted server."""
    with Scripted(free_ports(1)[0]) as server:
        yield server


@pytest.fixture
def monitor(start_monitor: MonitorFactory, scripted: Scripted) -> MonitorProcess:
    """Start a monitor before it, which is to change nothing but to add receipts."""
    return start_monitor(scripted.port)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    script=st.lists(turns(), min_size=1, max_size=4), cut=st.integers(0, 400), answer_cut=st.integers(0, 400)
)
def test_nothing_differs(
    monitor: MonitorProcess, scripted: Scripted, script: list[Turn], cut: int, answer_cut: int
) -> None:
    """Requests reach the server and answers the client byte by byte as they do without the monitor."""
    scripted.turns, scripted.cut = script, answer_cut
    seen = []
    for port, receipts in ((scripted.port, Receipts.NONE), (monitor.serving_port, Receipts.EXPECTED)):
        scripted.received = []
        answers = ask(port, script, cut, receipts)
        seen.append((answers, list(scripted.received)))
    assert seen[0] == ([turn.answer for turn in script], [turn.request for turn in script])
    assert seen[1] == seen[0]


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    script=st.lists(turns_with_hop_headers(), min_size=1, max_size=3),
    cut=st.integers(0, 400),
    answer_cut=st.integers(0, 400),
)
def test_only_what_is_for_one_hop_differs(
    monitor: MonitorProcess, scripted: Scripted, script: list[Turn], cut: int, answer_cut: int
) -> None:
    """What Connection names and what is known to be for one hop stays behind; all else is as it was."""
    expected = [turn.through_monitor() for turn in script]
    scripted.turns = [
        Turn(behind.request, turn.answer) for behind, turn in zip(expected, script, strict=True)
    ]
    scripted.cut, scripted.received = answer_cut, []
    asked = [Turn(turn.request, behind.answer) for behind, turn in zip(expected, script, strict=True)]
    assert ask(monitor.serving_port, asked, cut, Receipts.NONE) == [turn.answer for turn in expected]
    assert scripted.received == [turn.request for turn in expected]
