"""What a Prometheus has recorded about a deployment: counts, and what the team's queries and alerts said."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from modelward.api.spec import ModelDeploymentSpec
from modelward.cli.failure import CommandError
from modelward.cli.history import History
from modelward.cli.team_history import TeamHistory
from modelward.cli.team_signals import TeamSignals
from modelward.evidence.ledger import TimedBlocks
from modelward.render import promql
from modelward.render.queries import recorded_drift
from modelward.signals.answers import Grid, NoAnswerError
from modelward.signals.blocks import Subject, count
from modelward.signals.key import Key
from modelward.signals.prometheus import Endpoint, Prometheus

BLOCKS_A_QUERY: Final = 720
TIMEOUT_SECONDS: Final = 60.0


@dataclass(slots=True)
class Recorded:
    """A deployment's history.

    Args:
        url: Prometheus' base address.
        deployment: whose history.
        spec: what has the team's queries and alerts.
        configs: hash of each objective's event definition; counts of another definition are Unknown.
        span: first and last block's end, unix seconds, multiples of block_seconds.
        signals: what detectors and alerts said, of the blocks that were read so far and of those that follow
            within the hour.
    """

    url: str
    deployment: Key
    spec: ModelDeploymentSpec
    configs: Mapping[str, str]
    span: tuple[int, int]
    block_seconds: int
    signals: TeamSignals = field(init=False)

    def __post_init__(self) -> None:
        """Nothing was read yet."""
        self.signals = TeamSignals(recorded_drift(self.deployment, self.spec.drift))

    def read(self) -> History:
        """Yield the blocks.

        Raises:
            CommandError: Prometheus cannot be asked, or has nothing about the deployment.
        """
        try:
            endpoint = Endpoint(self.url, TIMEOUT_SECONDS)
        except ValueError as error:
            raise CommandError(f"--prometheus: {error}") from error
        try:
            yield from _synchronous(lambda: self._ask(endpoint))
        except NoAnswerError as error:
            raise CommandError(f"no counts from Prometheus: {error}") from error

    async def _ask(self, endpoint: Endpoint) -> AsyncGenerator[tuple[TimedBlocks, ...], None]:
        first, last = self.span
        found = False
        async with Prometheus(endpoint) as prometheus:
            team = TeamHistory(prometheus, self.deployment, self.spec)
            for start in range(first, last + 1, BLOCKS_A_QUERY * self.block_seconds):
                end = min(start + (BLOCKS_A_QUERY - 1) * self.block_seconds, last)
                grid = Grid(start, end, self.block_seconds)
                counts = await prometheus.range(promql.counts([self.deployment], self.block_seconds), grid)
                flags = await prometheus.range(
                    promql.unknown_counts([self.deployment], self.block_seconds), grid
                )
                subject = Subject(self.deployment, self.configs, start - self.block_seconds)
                times = range(start, end + 1, self.block_seconds)
                counted = count([subject], times, counts, flags)
                requests = await prometheus.range(promql.requests(self.deployment, self.block_seconds), grid)
                found = found or bool(requests) or self.deployment in counted.with_series
                blocks = await team.with_counts(counted.blocks[self.deployment], requests, self.block_seconds)
                self.signals.add(times, await team.drift(grid), await team.alerts(grid))
                yield blocks
        if not found:
            raise CommandError(
                f"{self.url} has no counts of {self.deployment} in that time; "
                "check --deployment, --from and --to"
            )


def _synchronous(make: Callable[[], AsyncGenerator[tuple[TimedBlocks, ...], None]]) -> History:
    """Draw from an asynchronous generator, one item at a time."""
    with asyncio.Runner() as runner:
        items = make()
        while True:
            try:
                blocks = runner.run(items.asend(None))
            except StopAsyncIteration:
                return
            yield from blocks
