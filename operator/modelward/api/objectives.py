"""The objectives of a ModelDeployment: what makes an event good, and the hash of that definition."""

import hashlib
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Final

import orjson
from pydantic import Field

from modelward.api.base import APIType
from modelward.api.quantities import (
    DecimalString,
    Duration,
    Percentage,
    decimal_above,
    duration_within,
    percentage_between,
)
from modelward.api.rules import Rule, matches


class OnBreach(StrEnum):
    """What a breach of an objective leads to."""

    ROLLBACK = "Rollback"
    HOLD = "Hold"
    ALERT = "Alert"


class Scope(StrEnum):
    """When an objective is held against a revision."""

    ALWAYS = "Always"
    AFTER_PROMOTION = "AfterPromotion"


class ObjectiveKind(StrEnum):
    """What makes an event good: each is the name of the field that says it."""

    LATENCY = "latency"
    AVAILABILITY = "availability"
    ACCURACY = "accuracy"
    STORAGE = "storage"


INFRASTRUCTURE_KINDS: Final = frozenset({ObjectiveKind.STORAGE})
"""Kinds that say nothing of the model: a breach is looked at for a cause, and judges no revision."""
_ONE_KIND: Final = "write exactly one of {} and {}".format(
    ", ".join(tuple(ObjectiveKind)[:-1]), tuple(ObjectiveKind)[-1]
)


class Latency(APIType):
    """Good: answered within this time."""

    within: Annotated[Duration, duration_within(timedelta(milliseconds=1), timedelta(hours=1))]
    """Longest time that a good answer takes, such as 200ms."""


class Availability(APIType):
    """Good: not a server error."""


class Accuracy(APIType):
    """Good: the prediction agrees with the label sent back for it."""

    tolerance: DecimalString = Decimal(0)
    """Largest absolute difference that still agrees; 0 for classes."""


class Storage(APIType):
    """Good: read from the store within this time.

    Reads are those that the model server reports (`Server-Timing: storage;dur=MS`) and the monitor's own
    of the model's address.
    """

    within: Annotated[Duration, duration_within(timedelta(milliseconds=1), timedelta(hours=1))]
    """Longest time that a good read takes, such as 300ms. Events while reads take longer are marked slow."""


class VersusStable(APIType):
    """How a candidate's share of bad events may compare with stable's in the same time."""

    max_ratio: Annotated[DecimalString, decimal_above(Decimal(1), Decimal(100))] = Decimal("1.5")
    """The candidate is worse when its bad share is shown to be above this multiple of stable's."""
    not_worse_ratio: Annotated[DecimalString, decimal_above(Decimal(1), Decimal(100))] = Decimal(2)
    """The candidate is as good when its bad share is shown to be below this multiple of stable's."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.maxRatio.matches(r'^[0-9.]+$') || !self.notWorseRatio.matches(r'^[0-9.]+$') || "
            "double(self.notWorseRatio) >= double(self.maxRatio)",
            "a candidate would be worse and not worse at once: write a notWorseRatio of at least maxRatio",
            lambda versus: versus.not_worse_ratio >= versus.max_ratio,
        ),
    )


class Objective(APIType):
    """A share of events must be good. Exactly one of latency, availability, accuracy, storage."""

    name: Annotated[
        str,
        Field(max_length=40),
        matches(
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            "not an objective's name: write lower case letters, digits and -, beginning with a letter",
        ),
    ]
    """Name in metrics, alerts and status; unique in this deployment."""
    latency: Latency | None = None
    availability: Availability | None = None
    accuracy: Accuracy | None = None
    storage: Storage | None = None
    target: Annotated[Percentage, percentage_between(Decimal(0), Decimal(1))]
    """Share of events that must be good, such as "99.5%"."""
    versus_stable: VersusStable = VersusStable()
    scope: Scope = Scope.ALWAYS
    """Always: judges candidates and what serves. AfterPromotion: only what serves.

    The latter is for labels that come days later.
    """
    on_breach: OnBreach = OnBreach.ROLLBACK
    """What a breach leads to: Rollback, Hold (a rollout waits for a person) or Alert.

    A storage objective is no judge of the model: Hold or Alert.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"[{', '.join(f'has(self.{kind})' for kind in ObjectiveKind)}].exists_one(kind, kind)",
            _ONE_KIND,
            lambda objective: len(_kinds(objective)) == 1,
        ),
        Rule(
            "!has(self.storage) || self.onBreach != 'Rollback'",
            "a slow store is no fault of the model: write onBreach: Hold or onBreach: Alert",
            lambda objective: objective.storage is None or objective.on_breach is not OnBreach.ROLLBACK,
        ),
    )


def default_objectives() -> tuple[Objective, ...]:
    """Objectives of a deployment that names none."""
    return (
        Objective(name="availability", availability=Availability(), target=Decimal("0.995")),
        Objective(name="latency", latency=Latency(within=timedelta(seconds=1)), target=Decimal("0.99")),
    )


def kind_of(objective: Objective) -> ObjectiveKind:
    """Return which of the exclusive fields is set; raises ValueError if it is not exactly one."""
    kinds = _kinds(objective)
    if len(kinds) != 1:
        raise ValueError(f"objective {objective.name!r} has {len(kinds)} kinds; {_ONE_KIND}")
    return kinds[0]


def judges_candidates(objective: Objective) -> bool:
    """Return whether a candidate is judged by an objective, and compared with stable."""
    return objective.scope is Scope.ALWAYS and kind_of(objective) not in INFRASTRUCTURE_KINDS


def _kinds(objective: Objective) -> list[ObjectiveKind]:
    return [kind for kind in ObjectiveKind if getattr(objective, kind) is not None]


def event_config(objective: Objective) -> str:
    """Return a short hash of what makes an event good; the target is no part of it.

    It is the `config` label of the event counters: evidence reads only the current one, so a changed
    definition starts anew, while a changed target is judged from the same counts.
    """
    kind = kind_of(objective)
    definition = getattr(objective, kind).model_dump(mode="json", by_alias=True)
    return hashlib.sha256(orjson.dumps([kind.value, definition], option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
