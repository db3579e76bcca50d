"""What the demonstration promises, and every way in which a run fell short of it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from dev.demo.record import Traffic
from dev.demo.timeline import REJECTIONS, Row

LEAST_RATE_PER_SECOND: Final = 20.0
CONNECTIONS: Final = 8
LONGEST_SETTLING: Final = timedelta(seconds=30)
"""From a decision to the last answer of the version decided against."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What must become of one version."""

    version: str
    objective: str | None
    """The objective for which it must be rejected; None: it must be promoted."""
    steps: int
    """Steps it must have gone through at least: all of them before a promotion."""


def differences(rows: Sequence[Row], promises: Sequence[Promise], traffic: Traffic) -> tuple[str, ...]:
    """Return a sentence for each thing that is not as promised; none if all is well."""
    by_version = {row.shipment.version: row for row in rows}
    found: list[str] = []
    for promise in promises:
        row = by_version.get(promise.version)
        if row is None:
            found.append(f"version {promise.version} was never shipped")
        elif promise.objective is None:
            found.extend(_not_promoted(row, promise.steps))
        else:
            found.extend(_not_rejected(row, promise.objective))
    return (*found, *_traffic_trouble(traffic))


def _not_promoted(row: Row, steps: int) -> Iterator[str]:
    name = f"version {row.shipment.version}"
    if row.decision is None or row.decision.action != "Promoted":
        yield f"{name} was not promoted but {row.decision.action if row.decision else 'nothing was decided'}"
        return
    if row.steps != tuple(range(steps)):
        yield f"{name} was seen in steps {list(row.steps)} instead of all {steps} in order"
    yield from _not_settled(row)


def _not_rejected(row: Row, objective: str) -> Iterator[str]:
    name = f"version {row.shipment.version}"
    if row.decision is None or row.decision.action not in REJECTIONS:
        yield f"{name} was not rejected but {row.decision.action if row.decision else 'nothing was decided'}"
        return
    if row.rejection is None:
        yield f"{name} is not among the rejected revisions"
        return
    if row.rejection.cause != "Model":
        yield f"{name} was rejected for cause {row.rejection.cause} instead of Model"
    if objective not in row.rejection.message:
        yield f"{name} was not rejected for its {objective}: {row.rejection.message}"
    if row.first_traffic is None:
        yield f"{name} never answered a request"
    yield from _not_settled(row)


def _not_settled(row: Row) -> Iterator[str]:
    if row.settling is not None and row.settling > LONGEST_SETTLING:
        seconds = row.settling.total_seconds()
        yield f"traffic took {seconds:.0f} s to follow the decision on version {row.shipment.version}"


def _traffic_trouble(traffic: Traffic) -> Iterator[str]:
    failed = [answer for answer in traffic.answers if answer.failed]
    if failed:
        first = failed[0]
        yield f"{len(failed)} requests failed, the first with {first.status or 'no answer'}: {first.error}"
    refused = [answer for answer in traffic.answers if not answer.failed and answer.status != HTTPStatus.OK]
    if refused:
        yield f"{len(refused)} requests were refused, the first with {refused[0].status}: {refused[0].error}"
    unlabelled = [batch for batch in traffic.labels if batch.error]
    if unlabelled:
        yield f"{len(unlabelled)} batches of labels failed, the first with: {unlabelled[0].error}"
    if not any(batch.sent for batch in traffic.labels):
        yield "no label was sent back"
    broken = sum(opening.because == "broken" for opening in traffic.openings)
    if broken:
        yield f"{broken} connections were broken without the server having announced it"
    if rate(traffic) < LEAST_RATE_PER_SECOND:
        yield f"{rate(traffic):.1f} requests a second were answered, fewer than {LEAST_RATE_PER_SECOND:.0f}"
    workers = len({answer.worker for answer in traffic.answers})
    if workers != CONNECTIONS:
        yield f"{workers} connections were held open instead of {CONNECTIONS}"


def rate(traffic: Traffic) -> float:
    """Return answers a second, from the first to the last."""
    if len(traffic.answers) < 2:  # noqa: PLR2004 - a rate needs two ends
        return 0.0
    times = [answer.at for answer in traffic.answers]
    return len(times) / (max(times) - min(times))
