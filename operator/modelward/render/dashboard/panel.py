"""What a panel of the dashboard is made of.

Queries hold the variables $namespace, $deployment, $revision and $__range, as Grafana writes them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

WIDTH: Final = 24
"""Columns of a dashboard, as Grafana counts them."""
_VARIABLE: Final = re.compile(r"\$(namespace|deployment|revision|__range)\b", re.ASCII)


class Kind(StrEnum):
    """How a panel is drawn."""

    LINES = "lines"
    STATES = "states"
    """A row for each series, filled while it is 1."""
    HEAT = "heat"
    """A row for each series, coloured by its value."""
    TABLE = "table"
    """Values of the moment, the worst first."""
    CONFUSION = "confusion"
    """A matrix for each revision: a row for each label `predicted`, a column for each label `actual`."""


class Unit(StrEnum):
    """What the numbers are, in Grafana's names."""

    RATIO = "percentunit"
    SECONDS = "s"
    MILLISECONDS = "ms"
    PER_SECOND = "reqps"
    BYTES = "bytes"
    NUMBER = "short"


class Source(StrEnum):
    """Whose series a query needs."""

    MODELWARD = "modelward"
    EXPORTERS = "cAdvisor and kube-state-metrics"


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel."""

    query: str
    legend: str
    """Text with {{label}} in it."""
    unit: Unit | None = None
    """Where it is another than the panel's: it gets the axis on the right."""
    has_exemplars: bool = False

    def legend_of(self, labels: Mapping[str, str]) -> str:
        """Return the name of a series."""
        return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), self.legend).strip()


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing."""

    title: str
    description: str
    kind: Kind
    unit: Unit
    targets: tuple[Target, ...]
    width: int = WIDTH // 2
    limit: float | None = None
    """A line at this value: beyond it something is wrong."""
    source: Source = Source.MODELWARD


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Annotation:
    """A mark on every panel's time axis, while its query answers something."""

    name: str
    query: str
    color: str


def filled(query: str, values: Mapping[str, str]) -> str:
    """Return a query with the variables' values in place of their names.

    Raises:
        KeyError: a variable has no value.
    """
    return _VARIABLE.sub(lambda found: values[found[1]], query)
