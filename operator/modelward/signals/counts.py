"""Polls the counts of many deployments, block by block.

Deployments are asked for in shards of at most 500, so that one hung query makes only its own deployments
Unknown. A shard that is one block behind is asked by an instant query, one that is further behind (a
settled deployment every 30 s, or anyone after an outage or a restart) by a range query of the blocks
since; both evaluate the same expression at the same multiples of the block, so they see the same counts.
A block that could not be had is asked for again by the next poll: until then the state is Unavailable.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias, TypeVar

from modelward.conventions import BLOCK_SECONDS
from modelward.decide.observation import MetricsState, PodPressure
from modelward.render import promql
from modelward.render.infrastructure_promql import pressures as pressures_query
from modelward.signals.answers import Grid, NoAnswerError, Series
from modelward.signals.blocks import Counted, Subject, TimedBlock, count
from modelward.signals.clients import Clients
from modelward.signals.key import Key
from modelward.signals.pressures import read_pressures
from modelward.signals.prometheus import Prometheus
from modelward.signals.shards import SHARD_SIZE, batched, by_prometheus
from modelward.signals.team import QUERY_SECONDS, Team
from modelward.signals.telemetry import Telemetry
from modelward.signals.tracing import TRACER

MAX_BLOCKS_A_QUERY: Final = 12
"""More blocks take several queries, each delivered by itself: catching up costs a busy Prometheus little more
at once than the polls that it could not answer, and what was had is kept when a later query fails."""
MAX_CATCH_UP_BLOCKS: Final = 720
"""An hour. Blocks further back are Unknown."""

_One = TypeVar("_One")
_Other = TypeVar("_Other")

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Polled:
    """What one answer says about one deployment."""

    configs: Mapping[str, str]
    """By objective, the event definition's hash that was asked for."""
    blocks: tuple[TimedBlock, ...]
    """In order of time, for `Ledger.advance`; none when there was no answer."""
    metrics: MetricsState
    message: str
    """Why the state is not Available, for a person."""
    drift: Mapping[str, float] = field(default_factory=dict)
    """Value of each drift detector that has one, as of the last block."""
    pressures: tuple[PodPressure, ...] = ()
    """What its pods lack, as of the last block."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with the team's queries, by objective and detector."""


Deliver: TypeAlias = Callable[[Mapping[Key, Polled]], None]
"""Takes the results of a shard as soon as they are there."""


@dataclass(frozen=True, slots=True)
class _Shard:
    """Deployments behind one Prometheus that have consumed up to the same block."""

    prometheus: Prometheus
    subjects: tuple[Subject, ...]
    times: tuple[int, ...]
    """Ends of the blocks wanted, ascending, at least one."""


@dataclass(slots=True)
class CountsPoller:
    """Asks for the blocks since the last ones consumed. Deployments still being asked for are passed over."""

    clients: Clients
    telemetry: Telemetry
    block_seconds: int = BLOCK_SECONDS
    evaluation_delay_seconds: float = BLOCK_SECONDS
    shard_size: int = SHARD_SIZE
    _team: Team = field(init=False)
    _under_way: set[Key] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        """Prepare clients for the teams' queries; nothing is connected yet."""
        self._team = Team(self.clients.quicker(QUERY_SECONDS), self.block_seconds)

    def newest_block(self, now: float) -> int:
        """End of the newest block that may be asked for at `now`, both in unix seconds."""
        return newest_block(now, self.block_seconds, self.evaluation_delay_seconds)

    async def poll(self, subjects: Iterable[Subject], now: float, deliver: Deliver) -> None:
        """Ask for every block that is due; `deliver` is called once or more for each shard.

        Nothing about Prometheus raises: a deployment that could not be asked for is delivered as Unavailable.
        """
        wanted = [subject for subject in subjects if subject.key not in self._under_way]
        shards = self._shards(wanted, self.newest_block(now))
        async with asyncio.TaskGroup() as tasks:
            for shard in shards:
                # Marked before the first await, so that a poll that starts meanwhile passes them over.
                self._under_way.update(subject.key for subject in shard.subjects)
                tasks.create_task(self._poll_shard(shard, deliver))

    def _shards(self, subjects: Iterable[Subject], newest: int) -> list[_Shard]:
        # Apart by whether there are queries of the team, so that nobody else waits for those.
        groups: dict[tuple[int, bool], dict[Key, Subject]] = {}
        for subject in subjects:
            consumed = self._consumed(subject, newest)
            if consumed < newest:
                groups.setdefault((consumed, bool(subject.queries)), {})[subject.key] = subject
        return [
            _Shard(
                prometheus,
                tuple(group[key] for key in keys),
                tuple(range(consumed + self.block_seconds, newest + 1, self.block_seconds)),
            )
            for (consumed, _), group in groups.items()
            for prometheus, keys in by_prometheus(self.clients, group, self.shard_size)
        ]

    def _consumed(self, subject: Subject, newest: int) -> int:
        if subject.consumed is None:
            return newest - self.block_seconds
        aligned = subject.consumed // self.block_seconds * self.block_seconds
        return max(aligned, newest - MAX_CATCH_UP_BLOCKS * self.block_seconds)

    async def _poll_shard(self, shard: _Shard, deliver: Deliver) -> None:
        keys = [subject.key for subject in shard.subjects]
        try:
            for times in batched(shard.times, MAX_BLOCKS_A_QUERY):
                polled = await self._ask(_Shard(shard.prometheus, shard.subjects, times))
                if not any(subject.queries for subject in shard.subjects):
                    deliver(polled)
                    continue
                async with asyncio.TaskGroup() as tasks:
                    for subject in shard.subjects:
                        tasks.create_task(self._ask_team(subject, polled[subject.key], deliver))
        except NoAnswerError as error:
            self.telemetry.poll_failed(type(error).__name__)
            _log.warning("no counts for %d deployments: %s", len(keys), error)
            deliver(
                {
                    subject.key: Polled(subject.configs, (), MetricsState.UNAVAILABLE, str(error))
                    for subject in shard.subjects
                }
            )
        finally:
            self._under_way.difference_update(keys)

    async def _ask(self, shard: _Shard) -> Mapping[Key, Polled]:
        began = time.perf_counter()
        with TRACER.start_as_current_span("modelward.poll") as span:
            span.set_attributes(
                {"modelward.deployments": len(shard.subjects), "modelward.blocks": len(shard.times)}
            )
            counted, pressures = await _both(self._counted(shard), _pressures(shard))
            silent = [
                key for key, blocks in counted.blocks.items() if blocks and key not in counted.with_series
            ]
            scraped = await self._ever_scraped(shard, silent)
        self.telemetry.poll_done(time.perf_counter() - began, counted.unknown, counted.nonsense)
        known = counted.with_series | scraped
        return {
            subject.key: (
                Polled(
                    subject.configs,
                    counted.blocks[subject.key],
                    MetricsState.AVAILABLE,
                    "",
                    pressures=pressures.get(subject.key, ()),
                )
                if subject.key in known
                else _never_scraped(subject, counted.blocks[subject.key])
            )
            for subject in shard.subjects
        }

    async def _ask_team(self, subject: Subject, polled: Polled, deliver: Deliver) -> None:
        times = tuple(at for at, _ in polled.blocks)
        if times:
            answered = await self._team.ask(subject.key, subject.queries, times)
            blocks = tuple((at, {**block, **answered.blocks[at]}) for at, block in polled.blocks)
            polled = replace(polled, blocks=blocks, drift=answered.drift, problems=answered.problems)
        deliver({subject.key: polled})

    async def _counted(self, shard: _Shard) -> Counted:
        keys = [subject.key for subject in shard.subjects]
        counts, flags = await _both(
            _evaluate(shard, promql.counts(keys, self.block_seconds), self.block_seconds),
            _evaluate(shard, promql.unknown_counts(keys, self.block_seconds), self.block_seconds),
        )
        return count(shard.subjects, shard.times, counts, flags)

    async def _ever_scraped(self, shard: _Shard, keys: Sequence[Key]) -> frozenset[Key]:
        if not keys:
            return frozenset()
        found = await shard.prometheus.instant(promql.sampled_lately(keys), shard.times[-1])
        return frozenset(
            Key(one.labels.get("namespace", ""), one.labels.get("deployment", "")) for one in found
        )


def newest_block(now: float, block_seconds: int, evaluation_delay_seconds: float) -> int:
    """End of the newest block that ended at least the delay before `now`; all in (unix) seconds."""
    return int((now - evaluation_delay_seconds) // block_seconds) * block_seconds


async def _pressures(shard: _Shard) -> Mapping[Key, tuple[PodPressure, ...]]:
    """Return what pods lack. Asked with every block: a decision on it must know, and one block may decide."""
    query = pressures_query([subject.key for subject in shard.subjects])
    return read_pressures(await shard.prometheus.instant(query, shard.times[-1]))


async def _evaluate(shard: _Shard, query: str, step: int) -> tuple[Series, ...]:
    first, last = shard.times[0], shard.times[-1]
    if first == last:
        return await shard.prometheus.instant(query, first)
    return await shard.prometheus.range(query, Grid(first, last, step))


async def _both(
    one: Coroutine[None, None, _One], other: Coroutine[None, None, _Other]
) -> tuple[_One, _Other]:
    """Await two queries; an error of either ends both and is raised as it is, not as a group."""
    first, second = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        return await asyncio.gather(first, second)
    finally:
        first.cancel()
        second.cancel()


def _never_scraped(subject: Subject, blocks: tuple[TimedBlock, ...]) -> Polled:
    key = subject.key
    message = (
        f"Prometheus has no sample of {key}; check that its pods run, and that podMonitorSelector and "
        f"podMonitorNamespaceSelector of Prometheus select the PodMonitor {key.name}"
    )
    return Polled(subject.configs, blocks, MetricsState.NOT_SCRAPED, message)
