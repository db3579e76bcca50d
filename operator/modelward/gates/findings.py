"""What a gate has found so far: checks, and figures for the report."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from modelward.api.gateverdict import Check, Comparison, GateVerdict, Result
from modelward.gates.figures import Plot

_DIGITS: Final = 6
"""Of a value in a verdict: more would tell of the machine and not of the model."""
_CHECKS_TOLD: Final = 5


class Figure(BaseModel):
    """A picture for the report, with what it shows as text and as a table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    alt: str
    """What it shows, for whoever cannot see it."""
    media_type: Literal["image/svg+xml", "image/png"]
    content_base64: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class Findings:
    """Checks and figures, in the order in which a person reads them."""

    checks: list[Check] = field(default_factory=list)
    figures: list[Plot] = field(default_factory=list)

    def at_most(
        self, name: str, value: float, limit: Decimal | float, *, subject: str = "", message: str = ""
    ) -> None:
        """Add a value that must not be above its limit."""
        self._add(Comparison.AT_MOST, name, value, float(limit), subject, message)

    def at_least(
        self, name: str, value: float, limit: Decimal | float, *, subject: str = "", message: str = ""
    ) -> None:
        """Add a value that must not be below its limit."""
        self._add(Comparison.AT_LEAST, name, value, float(limit), subject, message)

    def _add(
        self, comparison: Comparison, name: str, value: float, limit: float, subject: str, message: str
    ) -> None:
        rounded = float(f"{value:.{_DIGITS}g}")
        passed = rounded <= limit if comparison is Comparison.AT_MOST else rounded >= limit
        self.checks.append(
            Check(
                name=name,
                subject=subject[:256],
                value=rounded,
                comparison=comparison,
                limit=limit,
                passed=passed,
                message=message[:4096],
            )
        )

    def verdict(self) -> GateVerdict:
        """Return what the gate says."""
        failed = [check for check in self.checks if not check.passed]
        message = "; ".join(told(check) for check in failed[:_CHECKS_TOLD])
        if len(failed) > _CHECKS_TOLD:
            message += f"; and {len(failed) - _CHECKS_TOLD} more"
        return GateVerdict(
            result=Result.FAILED if failed else Result.PASSED,
            message=message or f"all {len(self.checks)} checks passed",
            checks=tuple(self.checks),
        )


def told(check: Check) -> str:
    """One check in a sentence."""
    what = f"{check.name} of {check.subject}" if check.subject else check.name
    relation = "at most" if check.comparison is Comparison.AT_MOST else "at least"
    return f"{what} is {check.value:g}, {relation} {check.limit:g} is asked for"
