"""What detectors and a team's queries and alerts said in the past: what the operator asks, over a range.

An objective whose query names no revision is of the one that alone was given requests in that block, or last
was; while two were, it is Unknown, as the operator has it while two share the traffic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from modelward.api.spec import ModelDeploymentSpec
from modelward.cli.failure import CommandError
from modelward.decide.observation import FiringAlert
from modelward.evidence.counts import Block
from modelward.evidence.ledger import TimedBlocks
from modelward.render import promql
from modelward.render.queries import CountQuery, recorded_drift, team_queries
from modelward.signals.alerts import firing
from modelward.signals.answers import Grid, NoAnswerError, NonsenseAnswerError, Series
from modelward.signals.key import Key
from modelward.signals.prometheus import Prometheus
from modelward.signals.team import FINITE
from modelward.signals.totals import LOOKBACK_BLOCKS, blocks, totals

_WHOLE: Final = ""
"""In place of a revision: of whichever had the traffic alone."""


@dataclass(slots=True)
class TeamHistory:
    """Asks one part of history after the other, in order of time.

    Each question raises CommandError where Prometheus does not answer, or not what such a query must give.
    """

    prometheus: Prometheus
    deployment: Key
    spec: ModelDeploymentSpec
    _with_requests: frozenset[str] = field(init=False, default=frozenset())
    """Revisions that were given any in the last block in which some were."""

    async def with_counts(
        self, counted: Sequence[TimedBlocks], requests: Sequence[Series], block_seconds: int
    ) -> tuple[TimedBlocks, ...]:
        """Return the blocks with the counts of the team's queries among them.

        Args:
            counted: by the monitors.
            requests: of each block, by revision.
            block_seconds: length of a block.
        """
        known = {revision for _, block in counted for revision, _ in block} | self._with_requests
        revisions = sorted(known | {series.labels.get("revision", "") for series in requests} - {""})
        alone = self._alone([at for at, _ in counted], requests)
        found: dict[int, dict[tuple[str, str], Block]] = {at: dict(block) for at, block in counted}
        for query in team_queries(self.deployment, self.spec, revisions, (_WHOLE,)).counts:
            of_query = await self._count(query, list(found), block_seconds)
            for at, block in of_query.items():
                if revision := query.revision or alone[at]:
                    found[at][revision, query.objective] = block
        return tuple(found.items())

    async def drift(self, grid: Grid) -> Mapping[str, Mapping[int, float]]:
        """Return the value of each detector at each time of the grid at which it has one."""
        return {
            detector.name: _only_values(await self._range(f"detector {detector.name}", detector.query, grid))
            for detector in recorded_drift(self.deployment, self.spec.drift)
        }

    async def alerts(self, grid: Grid) -> Mapping[int, tuple[FiringAlert, ...]]:
        """Return the alerts that rollback.alerts select, at each time at which any fired."""
        found: dict[int, set[FiringAlert]] = {}
        for selector in self.spec.rollback.alerts:
            query = promql.firing_since(self.deployment.namespace, selector.match_labels)
            for series in await self._range("rollback.alerts", query, grid):
                for at, began in series.points:
                    try:
                        alert = firing(series.labels, began, datetime.fromtimestamp(at, UTC))
                    except NonsenseAnswerError as error:
                        raise CommandError(f"rollback.alerts: {error}") from error
                    found.setdefault(round(at), set()).add(alert)
        return {
            at: tuple(sorted(alerts, key=lambda alert: (alert.started_at, alert.name, alert.revision or "")))
            for at, alerts in found.items()
        }

    async def _count(
        self, query: CountQuery, times: Sequence[int], block_seconds: int
    ) -> Mapping[int, Block]:
        grid = Grid(times[0] - LOOKBACK_BLOCKS * block_seconds, times[-1], block_seconds)
        both = await self._range(f"objective {query.objective}", query.both, grid)
        good, total = totals(both, "good"), totals(both, "total")
        for name, found in (("good", good), ("total", total)):
            if several := found.several():
                raise CommandError(f"objective {query.objective}: query.{name}: {several}")
        return blocks(good, total, times, block_seconds)

    async def _range(self, whose: str, query: str, grid: Grid) -> tuple[Series, ...]:
        try:
            return await self.prometheus.range(query, grid)
        except NoAnswerError as error:
            raise CommandError(f"{whose}: {error}") from error

    def _alone(self, times: Sequence[int], requests: Sequence[Series]) -> Mapping[int, str]:
        """Return by the end of a block which revision had the traffic alone; empty while two had."""
        given: dict[int, set[str]] = {at: set() for at in times}
        for series in requests:
            for at, number in series.points:
                if number > 0:
                    given[round(at)].add(series.labels.get("revision", ""))
        alone = {}
        for at, revisions in given.items():
            self._with_requests = frozenset(revisions) or self._with_requests
            alone[at] = next(iter(self._with_requests)) if len(self._with_requests) == 1 else ""
        return alone


def _only_values(answer: Sequence[Series]) -> Mapping[int, float]:
    """Return the value at each time at which there is one, and only one, that is a number."""
    values: dict[int, list[float]] = {}
    for series in answer:
        for at, value in series.points:
            values.setdefault(round(at), []).append(value)
    return {at: found[0] for at, found in values.items() if len(found) == 1 and abs(found[0]) < FINITE}
