"""Detectors of drifted inputs: what a team watches of the data that its model is given.

Drift alone is no reason to go back: another revision is given the same inputs. It explains why every
revision does badly, and it is told to people.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from modelward.api.base import APIType
from modelward.api.objectives import REVISION, PromQL
from modelward.api.quantities import DecimalString
from modelward.api.rules import ListMap, Rule, matches


class Detector(APIType):
    """The team's own measure of drift, in PromQL."""

    name: Annotated[
        str,
        Field(max_length=40),
        matches(
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            "not a detector's name: write lower case letters, digits and -, beginning with a letter",
        ),
    ]
    """Name in alerts and decisions; unique in this deployment."""
    query: Annotated[
        PromQL,
        Rule(
            r"!self.matches(r'\$revision\b')",
            "every revision is given the same inputs: write the query without $revision; "
            "$deployment and $namespace stand for their names",
            lambda query: REVISION.search(query) is None,
        ),
    ]
    """Gives exactly one series. $deployment and $namespace stand for their names."""
    threshold: DecimalString = Decimal("0.2")
    """The inputs have drifted while the value is above this, in quotes."""


class Drift(APIType):
    """How drifted inputs are noticed."""

    detectors: Annotated[
        tuple[Detector, ...],
        ListMap("name"),
        Field(max_length=10),
        Rule(
            "self.all(d, self.exists_one(e, e.name == d.name))",
            "two detectors have the same name: write a name of its own for each",
            lambda detectors: len({detector.name for detector in detectors}) == len(detectors),
        ),
    ] = ()
    """The team's own detectors. Each has an alert; while one is above its threshold, drift is a cause."""
    on_breach: Literal["Alert", "Hold"] = "Alert"
    """What drift alone leads to: Alert, or Hold (a rollout waits until it has passed). Never a rollback."""
