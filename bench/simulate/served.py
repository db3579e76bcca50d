"""A deployment that lives block by block: the shipping evidence and decisions.

Pods are ready at once, unless storage is slow when they have to fetch their model. Traffic follows the
decisions within a block. What goes wrong is an `Incident`; before it, nothing does.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from bench.simulate.incident import OBJECTIVES, RESTING_SECONDS, USUAL, Incident, Place, Setting
from bench.simulate.monitors import STORAGE, WITHIN_MS, Monitors
from bench.simulate.streams import BLOCK_SECONDS, HOUR
from modelward.api.spec import ModelDeploymentSpec
from modelward.api.status import ModelDeploymentStatus, Phase
from modelward.conventions import STORAGE_FAST, STORAGE_SLOW
from modelward.decide import decide, evidence_plan, targets
from modelward.decide.engine import STAY
from modelward.decide.observation import (
    DriftSignal,
    MetricsState,
    Observation,
    PodPressure,
    PressureKind,
    RevisionObservation,
)
from modelward.evidence.counts import Block, Count, StorageSplit
from modelward.evidence.ledger import Key, Ledger

START: Final = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
REPLICAS: Final = {Place.CANARY: 9, Place.HELD_BACK: 9}
"""Nine and one pod more are the shares of these; the others have `FEW_REPLICAS`."""
FEW_REPLICAS: Final = 4
OLDER, NEWER = "m-1", "m-2"
SETTLED_BLOCKS: Final = 60
"""Served by the promoted revision before an incident may begin."""
PATIENCE: Final = 400
"""Blocks within which a setting must be reached."""


def spec_of(place: Place) -> ModelDeploymentSpec:
    """What the team asks for: one long step, or a short one that leads to a promotion."""
    manifest: dict[str, Any] = {
        "model": {"uri": "s3://models/m/1"},
        "server": {"template": {"spec": {"containers": [{"name": "model", "image": "server:1"}]}}},
        "replicas": REPLICAS.get(place, FEW_REPLICAS),
        "rollout": {
            "steps": [
                {
                    "weight": min(round(place.candidate_share * 100), 50),
                    "duration": "12h" if place.is_rollout else "1m",
                    "minRequests": 100_000_000 if place.is_rollout else 100,
                }
            ],
            **({"holdback": "10%"} if place is Place.HELD_BACK else {}),
            "deadline": "24h",
            "standby": {"replicas": "100%", "retain": "0s" if place is Place.COLD else "6h"},
            "progressDeadline": "3m",
        },
        "objectives": [
            {"name": "latency", "latency": {"within": "200ms"}, "target": "99%"},
            {"name": "availability", "availability": {}, "target": "99%"},
            {
                "name": "accuracy",
                "accuracy": {},
                "target": "65%",
                "versusStable": {"maxRatio": "1.2", "notWorseRatio": "1.5"},
            },
            {"name": STORAGE, "storage": {"within": f"{WITHIN_MS}ms"}, "target": "99%", "onBreach": "Hold"},
        ],
    }
    return ModelDeploymentSpec.model_validate(manifest)


@dataclass(slots=True)
class Served:
    """A deployment and what is known of it.

    Args:
        setting: its place in life and its traffic.
        rng: all chance in it.
    """

    setting: Setting
    rng: np.random.Generator
    spec: ModelDeploymentSpec = field(init=False)
    status: ModelDeploymentStatus = field(default_factory=ModelDeploymentStatus)
    ledger: Ledger = field(default_factory=Ledger)
    time: int = START
    wanted: str = OLDER
    incident: Incident | None = None
    onset: int = 0
    """When the incident begins, unix seconds."""
    requests: dict[str, int] = field(default_factory=dict)
    """That each revision was given so far."""
    _monitors: dict[str, Monitors] = field(default_factory=dict)
    _started: frozenset[str] = frozenset()
    """Revisions whose pods have fetched their model, of those that are to run."""

    def __post_init__(self) -> None:
        """Ask for a deployment."""
        self.spec = spec_of(self.setting.place)

    def reach(self) -> None:
        """Live until the setting is reached: an hour of the older revision, then the newer one's share.

        Raises:
            RuntimeError: it is not reached.
        """
        self._decide()
        hour = [
            (self.time + (number + 1) * BLOCK_SECONDS, self._usual_block(number)) for number in range(HOUR)
        ]
        self.ledger = self.ledger.advance(evidence_plan(self.spec, self.status), hour)
        self.time = hour[-1][0]
        self.wanted = NEWER
        for _ in range(PATIENCE):
            self.live()
            if self._is_reached:
                break
        else:
            msg = f"{self.setting} was not reached: {self.status.phase}"
            raise RuntimeError(msg)
        for _ in range(0 if self.setting.place.is_rollout else SETTLED_BLOCKS):
            self.live()

    def fork(self, incident: Incident, rng: np.random.Generator) -> "Served":
        """The same deployment, to which this happens."""
        return replace(
            self,
            rng=rng,
            incident=incident,
            onset=self.time + incident.onset_seconds,
            requests=dict(self.requests),
            _monitors={},
        )

    def live(self) -> None:
        """Live through one block."""
        shares = self._shares()
        for second in range(self.time, self.time + BLOCK_SECONDS):
            for revision, share in shares.items():
                self._serve(revision, share, second)
        self.time += BLOCK_SECONDS
        block: dict[Key, Block] = {
            (revision, objective): Count(0, 0)
            for revision in self._monitors
            for objective in (*OBJECTIVES, STORAGE)
        }
        for revision, monitors in self._monitors.items():
            block |= {(revision, objective): count for objective, count in monitors.take().items()}
        self.ledger = self.ledger.advance(evidence_plan(self.spec, self.status), [(self.time, block)])
        self._decide()

    @property
    def _is_reached(self) -> bool:
        if self.setting.place.is_rollout:
            return self.status.phase is Phase.STEPPING
        return self.status.phase is Phase.SERVING and self.status.stable_revision == NEWER

    def _serve(self, revision: str, share: float, second: int) -> None:
        """Let a revision answer the requests of one second."""
        monitors = self._monitors.get(revision)
        if monitors is None:
            phase = second + int(self.rng.integers(RESTING_SECONDS))
            monitors = self._monitors[revision] = Monitors(phase)
        incident, since = self.incident, second - self.onset
        slow = bool(incident and incident.storage_is_slow(since))
        requests = int(self.rng.poisson(self.setting.requests_per_second * share))
        self.requests[revision] = self.requests.get(revision, 0) + requests
        reported = incident.reported_slow(revision == NEWER) if incident and since >= 0 else None
        if reported is None:
            monitors.second(second, slow, self._events(requests, revision, since, slow))
            return
        monitors.second(second, slow, {})
        late = int(self.rng.binomial(requests, reported))
        monitors.report(second, STORAGE_SLOW, self._events(late, revision, since, slow=True))
        monitors.report(second, STORAGE_FAST, self._events(requests - late, revision, since, slow=False))

    def _events(self, requests: int, revision: str, since: int, slow: bool) -> dict[str, tuple[int, int]]:  # noqa: FBT001 - a fact
        """Good and bad events of requests by objective; `since` is in seconds from the onset."""
        events = {}
        for objective in OBJECTIVES:
            bad_fraction = USUAL[objective]
            if self.incident and since >= 0:
                bad_fraction = self.incident.bad_fraction(objective, revision == NEWER, slow)
            bad = int(self.rng.binomial(requests, bad_fraction))
            events[objective] = (requests - bad, bad)
        return events

    def _usual_block(self, number: int) -> dict[Key, Block]:
        """One of the older revision's blocks of the hour before; storage is fast."""
        block: dict[Key, Block] = {}
        events = int(self.rng.poisson(self.setting.requests_per_second * BLOCK_SECONDS))
        for objective in OBJECTIVES:
            bad = int(self.rng.binomial(events, USUAL[objective]))
            block[OLDER, objective] = Count(events - bad, bad, StorageSplit(events - bad, bad, 0, 0))
        reads = int(number % (RESTING_SECONDS // BLOCK_SECONDS) == 0)
        block[OLDER, STORAGE] = Count(reads, 0, StorageSplit(reads, 0, 0, 0))
        return block

    def _shares(self) -> dict[str, float]:
        """Each revision's share of the traffic: the place's for a candidate, else by pods."""
        wanted = targets(self.spec, self.status)
        candidate = self.status.candidate_revision
        share = self.setting.place.candidate_share
        if len(wanted.selected) > 1 and candidate in wanted.selected:
            return {name: share if name == candidate else 1 - share for name in wanted.selected}
        pods = {p.revision: p.replicas for p in wanted.placements if p.revision in wanted.selected}
        return {revision: count / sum(pods.values()) for revision, count in pods.items()}

    def _decide(self) -> None:
        """Decide until nothing more follows."""
        now = datetime.fromtimestamp(self.time, UTC)
        while True:
            decision = decide(self.spec, self.status, self._observation(), now)
            self.status = decision.status
            if decision.rule == STAY:
                return

    def _observation(self) -> Observation:
        placed = {p.revision: p.replicas for p in targets(self.spec, self.status).placements}
        running = frozenset({*placed, self.wanted})
        cannot_fetch = bool(self.incident and self.incident.storage_is_slow(self.time - self.onset))
        self._started = self._started & running if cannot_fetch else running
        drifted = self.incident is not None and self.incident.has_drifted(self.time - self.onset)
        return Observation(
            deployment="m",
            generation=1,
            wanted_revision=self.wanted,
            revisions={
                revision: RevisionObservation(
                    placed.get(revision, self.spec.replicas),
                    placed.get(revision, self.spec.replicas) if revision in self._started else 0,
                    informed_generation=self.status.traffic_generation,
                    requests=self.requests.get(revision, 0),
                )
                if revision in running
                else RevisionObservation()
                for revision in (OLDER, NEWER)
            },
            assessments=self.ledger.assess(evidence_plan(self.spec, self.status)),
            metrics=MetricsState.AVAILABLE,
            pressures=tuple(
                PodPressure(revision, PressureKind.THROTTLED, 0.5)
                for revision in sorted(self._started)
                if self.incident and self.incident.is_throttled(revision == NEWER, self.time - self.onset)
            ),
            drift=(DriftSignal("psi", 0.5 if drifted else 0.05, 0.2),),
        )
