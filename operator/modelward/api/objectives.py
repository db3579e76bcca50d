"""The objectives of a ModelDeployment: what makes an event good, and the hash of that definition."""

import hashlib
import re
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Final, NamedTuple, TypeAlias

import orjson
from pydantic import Field
from pydantic.alias_generators import to_camel

from modelward.api.base import APIType
from modelward.api.quantities import (
    DecimalString,
    Duration,
    Percentage,
    decimal_above,
    decimal_within,
    duration_within,
    format_decimal,
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
    QUERY = "query"


INFRASTRUCTURE_KINDS: Final = frozenset({ObjectiveKind.STORAGE})
"""Kinds that say nothing of the model: a breach is looked at for a cause, and judges no revision."""
_ONE_KIND: Final = "write exactly one of {} and {}".format(
    ", ".join(tuple(ObjectiveKind)[:-1]), tuple(ObjectiveKind)[-1]
)


_TIMES: Final = ("within", "first_token_within", "time_per_output_token_within")
"""Fields of a latency objective of which exactly one is written."""


class Latency(APIType):
    """Good: answered within this time, or for streamed answers: begun, or continued, within it."""

    within: Annotated[Duration, duration_within(timedelta(milliseconds=1), timedelta(hours=1))] | None = None
    """Longest time that a good answer takes to its last byte, such as 200ms."""
    first_token_within: (
        Annotated[Duration, duration_within(timedelta(milliseconds=1), timedelta(hours=1))] | None
    ) = None
    """Longest time to the first event with content of a streamed answer, such as 500ms.

    Only answers of type text/event-stream are events of such an objective.
    """
    time_per_output_token_within: (
        Annotated[Duration, duration_within(timedelta(milliseconds=1), timedelta(hours=1))] | None
    ) = None
    """Longest mean time between the tokens of a streamed answer after its first, such as 50ms.

    Only streamed answers of two tokens or more are events of such an objective.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"[{', '.join(f'has(self.{to_camel(way)})' for way in _TIMES)}].exists_one(way, way)",
            f"write exactly one of {', '.join(map(to_camel, _TIMES[:-1]))} and {to_camel(_TIMES[-1])}; "
            "for more write an objective for each",
            lambda latency: sum(getattr(latency, way) is not None for way in _TIMES) == 1,
        ),
    )


class Availability(APIType):
    """Good: not a server error."""


class MeanAbsoluteError(APIType):
    """Errors are counted by their size: bad is the share |prediction - label| / clip of each label."""

    clip: Annotated[DecimalString, decimal_above(Decimal(0), Decimal(999_999_999))]
    """Errors of this size or more count as wholly bad; in the label's unit, in quotes.

    A target of "95%" with a clip of "10" asks for a mean absolute error of at most 0.5.
    """


_WAYS: Final = ("tolerance", "meanAbsoluteError", "probabilityThreshold", "argmax")
"""Fields of an accuracy objective of which at most one is written."""


class Argmax(APIType):
    """The prediction is the class with the highest score."""

    classes: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=64)], ...],
        Field(max_length=20),
        Rule(
            "self.all(c, self.exists_one(d, d == c))",
            "a class is named twice: write a name of its own for each",
            lambda classes: len(set(classes)) == len(classes),
        ),
    ] = ()
    """Names of the classes in the order of the scores; unset: they are numbered from 0."""


class Accuracy(APIType):
    """Good: the prediction agrees with the label sent back for it."""

    tolerance: DecimalString | None = None
    """Largest absolute difference that still agrees; 0 for classes, and where nothing is written."""
    mean_absolute_error: MeanAbsoluteError | None = None
    """For regression: instead of a tolerance, errors count by their size."""
    probability_threshold: Annotated[DecimalString, decimal_within(Decimal(0), Decimal(1))] | None = None
    """For two classes: the model answers with a probability, and 1 is meant from this one on, in quotes."""
    argmax: Argmax | None = None
    """For classes: the model answers with a score for each, and the highest one is meant."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"[{', '.join(f'has(self.{way})' for way in _WAYS)}].filter(way, way).size() <= 1",
            "a prediction is compared with its label in one way: write one of "
            f"{', '.join(_WAYS[:-1])} and {_WAYS[-1]}, or none",
            lambda accuracy: (
                sum(
                    way is not None
                    for way in (
                        accuracy.tolerance,
                        accuracy.mean_absolute_error,
                        accuracy.probability_threshold,
                        accuracy.argmax,
                    )
                )
                <= 1
            ),
        ),
    )

    @property
    def tolerated_error(self) -> Decimal:
        """Largest absolute difference that still agrees."""
        return Decimal(0) if self.tolerance is None else self.tolerance


class Storage(APIType):
    """Good: read from the store within this time.

    Reads are those that the model server reports (`Server-Timing: storage;dur=MS`) and the monitor's own
    of the model's address.
    """

    within: Annotated[Duration, duration_within(timedelta(milliseconds=1), timedelta(seconds=10))]
    """Longest time that a good read takes, such as 300ms. Events while reads take longer are marked slow."""


REVISION: Final = re.compile(r"\$revision\b", re.ASCII)
"""Stands for the name of a revision in a team's PromQL."""
PromQL: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=1024),
    matches(r"(?s).*\S.*", "no query: write an expression in PromQL"),
]


class Query(APIType):
    """Good and all events as the team's own PromQL counts them.

    Each must give exactly one series, a running total such as sum(my_answers_total{revision="$revision"}).
    $revision, $deployment and $namespace stand for their names.
    """

    good: PromQL
    """Running total of the good events."""
    total: PromQL
    """Running total of all events, good and bad."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            r"self.good.matches(r'\$revision\b') == self.total.matches(r'\$revision\b')",
            "good and total would be of different revisions: write $revision in both or in neither",
            lambda query: bool(REVISION.search(query.good)) == bool(REVISION.search(query.total)),
        ),
    )

    @property
    def is_of_a_revision(self) -> bool:
        """Whether the counts are told apart by revision."""
        return REVISION.search(self.total) is not None


class Allowance(NamedTuple):
    """A share of bad events beside stable's: `ratio` times stable's, plus `margin`."""

    ratio: Decimal
    margin: Decimal


_MAX_RATIO: Final = Decimal("1.5")
_NOT_WORSE_RATIO: Final = Decimal(2)
_ORDERED: Final = (
    "!{worse}.matches(r'^[0-9.]+$') || !{better}.matches(r'^[0-9.]+$') || double({better}) >= double({worse})"
)


class VersusStable(APIType):
    """How a candidate's share of bad events may compare with stable's in the same time.

    By ratio or, mostly for accuracy, by an absolute margin. Neither written: maxRatio "1.5" and
    notWorseRatio "2".
    """

    max_ratio: Annotated[DecimalString, decimal_above(Decimal(1), Decimal(100))] | None = None
    """The candidate is worse when its bad share is shown to be above this multiple of stable's."""
    not_worse_ratio: Annotated[DecimalString, decimal_above(Decimal(1), Decimal(100))] | None = None
    """The candidate is as good when its bad share is shown to be below this multiple of stable's.

    "2" where none is written, or maxRatio if that is larger.
    """
    max_margin: Annotated[DecimalString, decimal_above(Decimal(0), Decimal("0.5"))] | None = None
    """The candidate is worse when its bad share is shown to be above stable's plus this.

    "0.02" is 2 points.
    """
    not_worse_margin: Annotated[DecimalString, decimal_above(Decimal(0), Decimal("0.5"))] | None = None
    """The candidate is as good when its bad share is shown to be below stable's plus this.

    Twice maxMargin where none is written.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(has(self.maxMargin) || has(self.notWorseMargin)) || "
            "!(has(self.maxRatio) || has(self.notWorseRatio))",
            "a candidate is held against stable by ratio or by margin: write maxMargin and notWorseMargin "
            "and drop the ratios, or write maxRatio and notWorseRatio and drop the margins",
            lambda versus: not (versus.has_margin and versus.has_ratio),
        ),
        Rule(
            "!has(self.notWorseMargin) || has(self.maxMargin)",
            "from which margin on a candidate is worse is not said: write maxMargin beside notWorseMargin",
            lambda versus: versus.not_worse_margin is None or versus.max_margin is not None,
        ),
        Rule(
            "!has(self.notWorseRatio) || "
            + _ORDERED.format(
                worse=f"(has(self.maxRatio) ? self.maxRatio : '{_MAX_RATIO}')", better="self.notWorseRatio"
            ),
            "a candidate would be worse and not worse at once: write a notWorseRatio of at least maxRatio "
            f'("{_MAX_RATIO}" where none is written)',
            lambda versus: _in_order(versus.max_ratio or _MAX_RATIO, versus.not_worse_ratio),
        ),
        Rule(
            "!has(self.maxMargin) || !has(self.notWorseMargin) || "
            + _ORDERED.format(worse="self.maxMargin", better="self.notWorseMargin"),
            "a candidate would be worse and not worse at once: write a notWorseMargin of at least maxMargin",
            lambda versus: _in_order(versus.max_margin, versus.not_worse_margin),
        ),
    )

    @property
    def has_ratio(self) -> bool:
        """Whether a ratio is written."""
        return self.max_ratio is not None or self.not_worse_ratio is not None

    @property
    def has_margin(self) -> bool:
        """Whether a margin is written."""
        return self.max_margin is not None or self.not_worse_margin is not None

    @property
    def worse_above(self) -> Allowance:
        """What a candidate must be shown to exceed to be worse."""
        if self.max_margin is not None:
            return Allowance(Decimal(1), self.max_margin)
        return Allowance(self.max_ratio or _MAX_RATIO, Decimal(0))

    @property
    def not_worse_below(self) -> Allowance:
        """What a candidate must be shown to stay below to be as good."""
        worse = self.worse_above
        if worse.margin:
            return Allowance(Decimal(1), self.not_worse_margin or 2 * worse.margin)
        return Allowance(self.not_worse_ratio or max(_NOT_WORSE_RATIO, worse.ratio), Decimal(0))


def _in_order(worse: Decimal | None, better: Decimal | None) -> bool:
    return worse is None or better is None or better >= worse


class Objective(APIType):
    """A share of events must be good. Exactly one of latency, availability, accuracy, storage, query."""

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
    query: Query | None = None
    target: Annotated[Percentage, percentage_between(Decimal(0), Decimal(1))]
    """Share of events that must be good, such as "99.5%"."""
    versus_stable: VersusStable = VersusStable()
    scope: Scope = Scope.ALWAYS
    """Always: judges candidates and what serves. AfterPromotion: only what serves.

    The latter is for labels that come days later.
    """
    on_breach: OnBreach = OnBreach.ROLLBACK
    """What a breach leads to: Rollback, Hold (a rollout waits until it is over) or Alert.

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
        Rule(
            "!has(self.storage) || !has(self.versusStable) || "
            + " && ".join(f"!has(self.versusStable.{to_camel(name)})" for name in VersusStable.model_fields),
            "the store is the same for every revision, and none is compared by it: leave out versusStable",
            lambda objective: objective.storage is None or objective.versus_stable == VersusStable(),
        ),
        Rule(
            "!has(self.storage) || self.scope == 'Always'",
            "the store is watched whatever is tried or serves: leave out scope",
            lambda objective: objective.storage is None or objective.scope is Scope.ALWAYS,
        ),
        Rule(
            "!has(self.query) || self.scope == 'AfterPromotion' || "
            r"self.query.total.matches(r'\$revision\b')",
            "without $revision a query cannot tell a candidate from what serves: "
            'write revision="$revision" in good and total, or scope: AfterPromotion',
            lambda objective: (
                objective.query is None
                or objective.scope is Scope.AFTER_PROMOTION
                or objective.query.is_of_a_revision
            ),
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


def error_clip(objective: Objective) -> Decimal | None:
    """Return the error that counts as wholly bad; None unless the objective counts errors by their size."""
    errors = objective.accuracy.mean_absolute_error if objective.accuracy else None
    return errors.clip if errors else None


def _kinds(objective: Objective) -> list[ObjectiveKind]:
    return [kind for kind in ObjectiveKind if getattr(objective, kind) is not None]


def event_config(objective: Objective) -> str:
    """Return a short hash of what makes an event good; the target is no part of it.

    It is the `config` label of the event counters: evidence reads only the current one, so a changed
    definition starts anew, while a changed target is judged from the same counts.
    """
    kind = kind_of(objective)
    definition = getattr(objective, kind).model_dump(mode="json", by_alias=True, exclude_none=True)
    if objective.accuracy is not None and objective.accuracy.mean_absolute_error is None:
        definition["tolerance"] = format_decimal(objective.accuracy.tolerated_error)
    return hashlib.sha256(orjson.dumps([kind.value, definition], option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
