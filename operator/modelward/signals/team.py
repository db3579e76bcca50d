"""Asks a team's own queries, apart from ours: what is slow or wrong there spoils nothing but itself.

They have connections, concurrency and a short time-out of their own. A query that did not answer in time is
left alone for a minute; its objective is Unknown meanwhile. Nothing about Prometheus raises.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from modelward.evidence.counts import Block
from modelward.render.queries import CountQuery, DriftQuery, TeamQueries
from modelward.signals.answers import Grid, NoAnswerError, QueryTimeoutError, Series
from modelward.signals.clients import Clients
from modelward.signals.key import Key
from modelward.signals.prometheus import Prometheus
from modelward.signals.totals import LOOKBACK_BLOCKS, Totals, blocks, query_problem

QUERY_SECONDS: Final = 2.0
"""Longest time that one query may take."""
ALL_QUERIES_SECONDS: Final = 4.0
"""Longest time that all queries of a deployment may take: less than a block."""
REST_SECONDS: Final = 60.0
"""How long a query is left alone that took longer."""
FINITE: Final = 1e300
PROBLEM_CHARACTERS: Final = 300
_TOO_SLOW: Final = (
    f"no answer within {QUERY_SECONDS:g} s; it is asked again every {REST_SECONDS:g} s: "
    "make it cheaper, for instance by a recording rule"
)

Asking: TypeAlias = Callable[[], Coroutine[None, None, tuple[Series, ...]]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a team's queries said."""

    blocks: Mapping[int, Mapping[tuple[str, str], Block]] = field(default_factory=dict)
    """By the end of a block: (revision, objective) -> its count, None where it could not be told."""
    drift: Mapping[str, float] = field(default_factory=dict)
    """Value by detector; one without a value is missing."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """By objective or detector, as `objective NAME` or `detector NAME`: what is wrong with its query now."""


@dataclass(slots=True)
class Team:
    """Asks teams' queries through clients of its own."""

    clients: Clients
    block_seconds: int
    _resting_until: dict[tuple[Key, str], float] = field(init=False, default_factory=dict)

    async def ask(self, key: Key, queries: TeamQueries, times: Sequence[int]) -> Answered:
        """Ask about the blocks that end at these times (unix seconds, ascending, one or more).

        Drift detectors are asked for their value at the last of them.
        """
        prometheus = self.clients.of(key.namespace)
        counts = [self._count(prometheus, key, query, times) for query in queries.counts]
        drift = [self._drift(prometheus, key, query, times[-1]) for query in queries.drift]
        counted, drifted = await asyncio.gather(asyncio.gather(*counts), asyncio.gather(*drift))
        found: dict[int, dict[tuple[str, str], Block]] = {at: {} for at in times}
        problems: dict[str, str] = {}
        for query, (by_time, problem) in zip(queries.counts, counted, strict=True):
            for at in times:
                found[at][query.revision, query.objective] = by_time.get(at)
            if problem:
                problems.setdefault(f"objective {query.objective}", f"{problem} ({query.revision})")
        values: dict[str, float] = {}
        for detector, answer in zip(queries.drift, drifted, strict=True):
            if isinstance(answer, str):
                problems[f"detector {detector.name}"] = answer
            else:
                values[detector.name] = answer
        return Answered(found, values, problems)

    async def _count(
        self, prometheus: Prometheus, key: Key, query: CountQuery, times: Sequence[int]
    ) -> tuple[Mapping[int, Block], str]:
        step = self.block_seconds
        grid = Grid(times[0] - LOOKBACK_BLOCKS * step, times[-1], step)
        good, total = await asyncio.gather(
            self._series(key, query.good, lambda: prometheus.range(query.good, grid)),
            self._series(key, query.total, lambda: prometheus.range(query.total, grid)),
        )
        if isinstance(good, str) or isinstance(total, str):
            return {}, f"query.good: {good}" if isinstance(good, str) else f"query.total: {total}"
        of_good, of_total = Totals(good), Totals(total)
        return blocks(of_good, of_total, times, step), query_problem(of_good, of_total, times[-1], step)

    async def _drift(self, prometheus: Prometheus, key: Key, query: DriftQuery, at: int) -> float | str:
        answer = await self._series(key, query.query, lambda: prometheus.instant(query.query, at))
        if isinstance(answer, str):
            return f"query: {answer}"
        if len(answer) != 1:
            return f"query: it gave {len(answer) or 'no'} series where it must give one"
        value = answer[0].points[0][1]
        return value if abs(value) < FINITE else f"query: it gave {value:g}, which is no value"

    async def _series(self, key: Key, query: str, asked: Asking) -> tuple[Series, ...] | str:
        """What Prometheus answered, or why there is no answer."""
        if self._resting_until.get((key, query), 0.0) > time.monotonic():
            return _TOO_SLOW
        try:
            async with asyncio.timeout(ALL_QUERIES_SECONDS):
                return await asked()
        except QueryTimeoutError:
            self._resting_until[key, query] = time.monotonic() + REST_SECONDS
            return _TOO_SLOW
        except TimeoutError:
            return "other queries took so long that there was no time left to ask"
        except NoAnswerError as error:
            return str(error)[:PROBLEM_CHARACTERS]
        finally:
            self._forget_the_rested()

    def _forget_the_rested(self) -> None:
        now = time.monotonic()
        for rested in [each for each, until in self._resting_until.items() if until <= now]:
            del self._resting_until[rested]
