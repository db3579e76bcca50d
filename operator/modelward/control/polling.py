"""Asks Prometheus, block by block, and wakes the deployments for which the answer matters."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from modelward.control.evidence_book import EvidenceBook
from modelward.decide.observation import FiringAlert
from modelward.signals.alerts import MatchLabels, firing_alerts
from modelward.signals.answers import NoAnswerError
from modelward.signals.blocks import Subject
from modelward.signals.clients import Clients
from modelward.signals.counts import CountsPoller, Polled
from modelward.signals.key import Key
from modelward.signals.restore import restore

log: Final = logging.getLogger(__name__)

T = TypeVar("T")

SETTLED_SECONDS: Final = 30
"""How often a deployment at rest is asked for."""


class Polling:
    """The loop that advances the ledgers of the book."""

    def __init__(
        self, clients: Clients, poller: CountsPoller, book: EvidenceBook, wake: Callable[[Key], None]
    ) -> None:
        self._clients = clients
        self._poller = poller
        self._book = book
        self._wake = wake
        self._restoring: set[Key] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Poll at each block's end until cancelled; a poll that hangs does not hold up the next."""
        try:
            while True:
                await asyncio.sleep(self._until_next_block())
                newest = self._poller.newest_block(time.time())
                everyone = newest % SETTLED_SECONDS < self._poller.block_seconds
                self._start(self.ask(self._book.everyone() if everyone else self._book.attended()))
        finally:
            for task in self._tasks:
                task.cancel()

    async def ask(self, subjects: Iterable[Subject]) -> None:
        """Ask once: for evidence kept before a restart where that is missing, for counts, and for alerts."""
        subjects = [*subjects, *await self._restore_missing()]
        asked = self._book.uids(subject.key for subject in subjects)
        await self._poller.poll(subjects, time.time(), lambda results: self._deliver(results, asked))
        await self._ask_alerts(subject.key for subject in subjects)

    def hint(self, key: Key) -> None:
        """Ask about one deployment at once, because an alert says that it is worth while, then wake it."""
        self._start(self._ask_and_wake(key))

    async def _ask_and_wake(self, key: Key) -> None:
        subject = self._book.subject(key)
        await self.ask([subject] if subject else [])
        self._wake(key)

    async def _restore_missing(self) -> list[Subject]:
        asked = {key: uid for key, uid in self._book.unrestored().items() if key not in self._restoring}
        if not asked:
            return []
        self._restoring.update(asked)
        try:
            restored = await restore(self._clients, asked, time.time())
            self._book.restore(self._of_the_same_objects(restored, asked))
            for key in self._book.not_restored(key for key in asked if key not in restored):
                self._wake(key)
        finally:
            self._restoring.difference_update(asked)
        return [subject for key in asked if (subject := self._book.subject(key))]

    async def _ask_alerts(self, keys: Iterable[Key]) -> None:
        entries = {key: self._book[key] for key in keys if key in self._book}
        asked = [(key, entry.selectors) for key, entry in entries.items() if entry.selectors]
        answers = await asyncio.gather(*(self._firing(key, selectors) for key, selectors in asked))
        for key in self._book.take_alerts(dict(zip((key for key, _ in asked), answers, strict=True))):
            self._wake(key)

    async def _firing(self, key: Key, selectors: Sequence[MatchLabels]) -> tuple[FiringAlert, ...]:
        """Return which alerts Prometheus confirms; none where it cannot be asked."""
        try:
            return await firing_alerts(self._clients, key, selectors, datetime.now(UTC))
        except (NoAnswerError, ValueError) as error:
            log.warning("alerts not confirmed: %s", error, extra={"deployment": str(key)})
            return ()

    def _deliver(self, results: Mapping[Key, Polled], asked: Mapping[Key, str]) -> None:
        for key in self._book.take(self._of_the_same_objects(results, asked)):
            self._wake(key)

    def _of_the_same_objects(self, answers: Mapping[Key, T], asked: Mapping[Key, str]) -> dict[Key, T]:
        """Leave out answers about a deployment that was made anew while they were waited for."""
        now = self._book.uids(answers)
        return {key: answer for key, answer in answers.items() if now.get(key) == asked.get(key)}

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("poll failed", exc_info=error)

    def _until_next_block(self) -> float:
        now = time.time()
        newest = self._poller.newest_block(now)
        due = newest + self._poller.block_seconds + self._poller.evaluation_delay_seconds
        return max(0.05, due - now)
