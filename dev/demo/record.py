"""What happened, as seen from outside: every answered request, and every status the operator wrote."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from modelward.api.status import ModelDeploymentStatus

FIRST_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """One request of the replay; `at` is when it was answered, in seconds since 1970."""

    at: float
    worker: int
    status: int
    """HTTP status; 0 if there was no whole answer."""
    version: str
    """What the model server says of itself; empty if it said nothing."""
    latency_ms: float
    error: str

    @property
    def failed(self) -> bool:
        """Whether the client got a server error or no answer."""
        return self.status == 0 or self.status >= FIRST_SERVER_ERROR


@dataclass(frozen=True, slots=True)
class Opening:
    """A connection that a worker opened."""

    at: float
    worker: int
    because: str
    """start, announced (the server had said Connection: close) or broken."""


@dataclass(frozen=True, slots=True)
class Labels:
    """A batch of labels sent back."""

    at: float
    status: int
    sent: int
    error: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """The whole record of the replay."""

    answers: tuple[Answer, ...]
    openings: tuple[Opening, ...]
    labels: tuple[Labels, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A status of the ModelDeployment and when it was seen."""

    at: datetime
    status: ModelDeploymentStatus


def read_traffic(lines: Iterable[str]) -> Traffic:
    """Read what replay.py wrote; a last line that is cut off is left out."""
    answers: list[Answer] = []
    openings: list[Opening] = []
    labels: list[Labels] = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        match entry.pop("event"):
            case "answer":
                answers.append(Answer(latency_ms=entry.pop("ms"), **entry))
            case "opened":
                openings.append(Opening(**entry))
            case "labels":
                labels.append(Labels(**entry))
    return Traffic(tuple(answers), tuple(openings), tuple(labels))
