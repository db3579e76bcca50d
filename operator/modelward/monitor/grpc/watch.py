"""Watches both directions of a gRPC connection; forwarding never depends on it."""

from typing import Final

from modelward.monitor.grpc.calls import Calls
from modelward.monitor.grpc.frames import Frames
from modelward.monitor.log import LOGGER
from modelward.monitor.state import MonitorState

PREFACE_END: Final = b"SM\r\n\r\n"
"""What the client's preface has after its empty line."""


class _Asking:
    """Takes what the client's frames say."""

    __slots__ = ("answers", "ended", "headers", "reset")
    answers: Frames

    def __init__(self, calls: Calls) -> None:
        self.headers = calls.asked
        self.ended = calls.asked_all
        self.reset = calls.given_up

    def going_away(self, last_stream: int) -> None:
        """Speak of the server's streams, of which gRPC has none."""

    def table_size(self, size_bytes: int) -> None:
        self.answers.allow_table(size_bytes)


class _Answering:
    """Takes what the server's frames say."""

    __slots__ = ("ended", "going_away", "headers", "questions", "reset")
    questions: Frames

    def __init__(self, calls: Calls) -> None:
        self.headers = calls.answered
        self.ended = calls.answered_all
        self.reset = calls.cut
        self.going_away = calls.refuse_after

    def table_size(self, size_bytes: int) -> None:
        self.questions.allow_table(size_bytes)


class Watch:
    """Follows what passes, for as long as it can be followed."""

    __slots__ = ("_answers", "_calls", "_questions", "_state", "is_watching")

    def __init__(self, state: MonitorState, calls: Calls) -> None:
        asking, answering = _Asking(calls), _Answering(calls)
        self._state = state
        self._calls = calls
        self._questions = answering.questions = Frames(asking, len(PREFACE_END))
        self._answers = asking.answers = Frames(answering)
        self.is_watching = True

    @property
    def is_between(self) -> bool:
        """Whether a frame of the monitor's own could follow what the server has sent so far."""
        return self.is_watching and self._answers.is_between

    def from_client(self, data: bytes) -> None:
        """The client has sent this."""
        self._follow(self._questions, data)

    def from_server(self, data: bytes) -> int | None:
        """The server has sent this: the last place in it for a frame of the monitor's own, if it has one."""
        return self._follow(self._answers, data)

    def _follow(self, frames: Frames, data: bytes) -> int | None:
        if not self.is_watching:
            return None
        try:
            return frames.take(data)
        except Exception as error:  # noqa: BLE001 - whatever it was, the bytes are passed on
            self.is_watching = False
            self._calls.lose_sight()
            self._state.counts.grpc_unwatched += 1
            if self._state.counts.grpc_unwatched == 1:
                text = "a gRPC connection is passed on uncounted (further ones are not logged): %r"
                LOGGER.warning(text, error)
            return None
