"""When each version got its first request, was found out, was decided on, and answered its last. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dev.demo.record import Answer, Sighting, Traffic
from modelward.api.status import HistoryEntry, RejectedRevision

REJECTIONS = frozenset({"Rejected", "RolledBack"})


@dataclass(frozen=True, slots=True)
class Shipment:
    """A version that was applied, and the revision that the operator made of it."""

    version: str
    revision: str
    what: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One version's life; a time is None if the thing never happened."""

    shipment: Shipment
    requests: int
    first_traffic: datetime | None
    breach: datetime | None
    """First status seen that has an objective of this revision Breached, or its rejection."""
    decision: HistoryEntry | None
    """The last thing decided about the revision."""
    rejection: RejectedRevision | None
    settled: datetime | None
    """Rejected: its last answer. Promoted: the last answer of the version before it."""
    steps: tuple[int, ...]
    """Indices of the rollout's steps it was seen in, in that order."""

    @property
    def decided_at(self) -> datetime | None:
        """When the decision was made."""
        return datetime.fromisoformat(self.decision.time) if self.decision else None

    @property
    def settling(self) -> timedelta | None:
        """From the decision to the last answer that went to the wrong version."""
        return self.settled - self.decided_at if self.settled and self.decided_at else None


def timeline(
    shipments: Sequence[Shipment], traffic: Traffic, sightings: Sequence[Sighting]
) -> tuple[Row, ...]:
    """Return a row for each shipment, in order."""
    rows: list[Row] = []
    stable: Shipment | None = None
    for shipment in shipments:
        row = _row(shipment, stable, traffic.answers, sightings)
        rows.append(row)
        if row.decision is not None and row.decision.action == "Promoted":
            stable = shipment
    return tuple(rows)


def _row(
    shipment: Shipment, stable: Shipment | None, answers: Sequence[Answer], sightings: Sequence[Sighting]
) -> Row:
    own = [answer.at for answer in answers if answer.version == shipment.version]
    decision = _decision(shipment, sightings)
    settled: list[float] = []
    if decision is not None and decision.action in REJECTIONS:
        settled = own
    elif decision is not None and stable is not None:
        settled = [answer.at for answer in answers if answer.version == stable.version]
    return Row(
        shipment=shipment,
        requests=len(own),
        first_traffic=_time(min(own, default=None)),
        breach=_breach(shipment, sightings),
        decision=decision,
        rejection=_rejection(shipment, sightings),
        settled=_time(max(settled, default=None)),
        steps=_steps(shipment, sightings),
    )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _decision(shipment: Shipment, sightings: Sequence[Sighting]) -> HistoryEntry | None:
    history = sightings[-1].status.history if sightings else ()
    final = REJECTIONS | {"Promoted"}
    return next((e for e in history if e.revision == shipment.revision and e.action in final), None)


def _rejection(shipment: Shipment, sightings: Sequence[Sighting]) -> RejectedRevision | None:
    rejected = sightings[-1].status.rejected_revisions if sightings else ()
    return next((each for each in rejected if each.revision == shipment.revision), None)


def _breach(shipment: Shipment, sightings: Sequence[Sighting]) -> datetime | None:
    for sighting in sightings:
        breached = any(
            each.revision == shipment.revision and each.verdict == "Breached"
            for each in sighting.status.objectives
        )
        rejected = any(each.revision == shipment.revision for each in sighting.status.rejected_revisions)
        if breached or rejected:
            return sighting.at
    return None


def _steps(shipment: Shipment, sightings: Sequence[Sighting]) -> tuple[int, ...]:
    seen = [
        sighting.status.rollout.step
        for sighting in sightings
        if sighting.status.rollout is not None
        and sighting.status.rollout.step >= 0
        and sighting.status.candidate_revision == shipment.revision
    ]
    return tuple(dict.fromkeys(seen))
