"""Asks a team's own queries, apart from ours: what is slow or wrong there spoils nothing but itself.

They have connections, concurrency and a short time-out of their own. A query that did not answer in time is
left alone for a minute; its objective is Unknown meanwhile. A deployment has one query under way at a time,
and waits for nothing but its turn: one with many slow queries takes none of the time of others. Nothing
about Prometheus raises.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from modelward.evidence.counts import Block
from modelward.render.queries import CountQuery, DriftQuery, TeamQueries
from modelward.signals.answers import Grid, NoAnswerError, QueryTimeoutError, Series
from modelward.signals.clients import Clients
from modelward.signals.key import Key
from modelward.signals.prometheus import CONCURRENT_QUERIES, Endpoint, Prometheus
from modelward.signals.totals import LOOKBACK_BLOCKS, blocks, query_problem, totals

QUERY_SECONDS: Final = 2.0
"""Longest time that one query may take."""
ALL_QUERIES_SECONDS: Final = 4.0
"""Longest time that all queries of a deployment may take, waiting not counted: less than a block."""
REST_SECONDS: Final = 60.0
"""How long a query, or a deployment, is left alone that took longer."""
FINITE: Final = 1e300
PROBLEM_CHARACTERS: Final = 300
_TOO_SLOW: Final = (
    f"no answer within {QUERY_SECONDS:g} s; it is asked again every {REST_SECONDS:g} s: "
    "make it cheaper, for instance by a recording rule"
)
_TOO_SLOW_TOGETHER: Final = (
    f"the queries of this deployment together took longer than {ALL_QUERIES_SECONDS:g} s; they are asked "
    f"again every {REST_SECONDS:g} s: make them cheaper, for instance by recording rules"
)
_ALL: Final = ""
"""In place of a query: all of a deployment."""

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
    _turns: dict[Endpoint, asyncio.Semaphore] = field(init=False, default_factory=dict)
    _resting_until: dict[tuple[Key, str], float] = field(init=False, default_factory=dict)
    """By query, or `_ALL`; kept for a while after, to tell which queries were slow lately."""

    async def ask(self, key: Key, queries: TeamQueries, times: Sequence[int]) -> Answered:
        """Ask about the blocks that end at these times (unix seconds, ascending, one or more).

        Drift detectors are asked for their value at the last of them. One query is asked after the other,
        those that were slow lately last.
        """
        asked = _Asked(self.clients.of(key.namespace), key, ALL_QUERIES_SECONDS)
        counted: dict[CountQuery, tuple[Mapping[int, Block], str]] = {}
        drifted: dict[DriftQuery, float | str] = {}
        in_order: list[CountQuery | DriftQuery] = [*queries.counts, *queries.drift]
        in_order.sort(key=lambda query: self._was_slow(key, query))
        for query in in_order:
            if isinstance(query, CountQuery):
                counted[query] = await self._count(asked, query, times)
            else:
                drifted[query] = await self._drift(asked, query, times[-1])
        found: dict[int, dict[tuple[str, str], Block]] = {at: {} for at in times}
        problems: dict[str, str] = {}
        for count in queries.counts:
            by_time, problem = counted[count]
            for at in times:
                found[at][count.revision, count.objective] = by_time.get(at)
            if problem:
                problems.setdefault(f"objective {count.objective}", f"{problem} ({count.revision})")
        values: dict[str, float] = {}
        for detector in queries.drift:
            answer = drifted[detector]
            if isinstance(answer, str):
                problems[f"detector {detector.name}"] = answer
            else:
                values[detector.name] = answer
        return Answered(found, values, problems)

    async def _count(
        self, asked: "_Asked", query: CountQuery, times: Sequence[int]
    ) -> tuple[Mapping[int, Block], str]:
        step = self.block_seconds
        grid = Grid(times[0] - LOOKBACK_BLOCKS * step, times[-1], step)
        both = await self._series(asked, query.both, lambda: asked.prometheus.range(query.both, grid))
        if isinstance(both, str):
            return {}, await self._at_fault(asked, query, times[-1], both)
        good, total = totals(both, "good"), totals(both, "total")
        return blocks(good, total, times, step), query_problem(good, total, times[-1], step)

    async def _at_fault(self, asked: "_Asked", query: CountQuery, at: int, why: str) -> str:
        """Say which of two totals has no answer, if one has none by itself."""
        if not self._rests(asked.key, query.both):
            grid = Grid(at, at, self.block_seconds)
            for name, text in (("good", query.good), ("total", query.total)):
                alone = await self._series(asked, text, partial(asked.prometheus.range, text, grid))
                if isinstance(alone, str):
                    return f"query.{name}: {alone}"
        return f"query.good and query.total: {why}"

    async def _drift(self, asked: "_Asked", query: DriftQuery, at: int) -> float | str:
        answer = await self._series(asked, query.query, lambda: asked.prometheus.instant(query.query, at))
        if isinstance(answer, str):
            return f"query: {answer}"
        if len(answer) != 1:
            return f"query: it gave {len(answer) or 'no'} series where it must give one"
        value = answer[0].points[0][1]
        return value if abs(value) < FINITE else f"query: it gave {value:g}, which is no value"

    async def _series(self, asked: "_Asked", query: str, ask: Asking) -> tuple[Series, ...] | str:
        """What Prometheus answered, or why there is no answer."""
        self._forget_the_rested()
        if self._rests(asked.key, _ALL):
            return _TOO_SLOW_TOGETHER
        if self._rests(asked.key, query):
            return _TOO_SLOW
        # Turns are given in the order in which they are asked for: nobody's second before another's first.
        async with self._turns.setdefault(asked.prometheus.endpoint, asyncio.Semaphore(CONCURRENT_QUERIES)):
            began = time.monotonic()
            try:
                async with asyncio.timeout(asked.seconds_left):
                    return await ask()
            except (NoAnswerError, TimeoutError) as error:
                return self._no_answer(asked, query, error)
            finally:
                asked.seconds_left -= time.monotonic() - began

    def _no_answer(self, asked: "_Asked", query: str, error: Exception) -> str:
        """Leave alone what took too long, and say why there is no answer."""
        if isinstance(error, QueryTimeoutError):
            asked.some_rest = True
            self._rest(asked.key, query)
            return _TOO_SLOW
        if not isinstance(error, TimeoutError):
            return str(error)[:PROBLEM_CHARACTERS]
        if asked.some_rest:  # without those there will be time enough
            return "other queries took so long that there was no time left to ask"
        self._rest(asked.key, _ALL)
        self._rest(asked.key, query)  # it comes last the next time
        return _TOO_SLOW_TOGETHER

    def _rest(self, key: Key, query: str) -> None:
        self._resting_until[key, query] = time.monotonic() + REST_SECONDS

    def _rests(self, key: Key, query: str) -> bool:
        return self._resting_until.get((key, query), 0.0) > time.monotonic()

    def _was_slow(self, key: Key, query: CountQuery | DriftQuery) -> bool:
        return (key, query.both if isinstance(query, CountQuery) else query.query) in self._resting_until

    def _forget_the_rested(self) -> None:
        long_ago = time.monotonic() - REST_SECONDS
        for rested in [each for each, until in self._resting_until.items() if until <= long_ago]:
            del self._resting_until[rested]


@dataclass(slots=True)
class _Asked:
    """The queries of one deployment, while they are asked."""

    prometheus: Prometheus
    key: Key
    seconds_left: float
    """Of what its queries may take together; waiting for a turn takes none of it."""
    some_rest: bool = False
    """Whether one of them took too long by itself."""
