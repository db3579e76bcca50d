"""The operator as a whole: what runs beside what, from the first request to the release of the lease."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from kubernetes.aio.client import Configuration

from modelward.api.reading import InvalidManifestError, read_spec, read_status
from modelward.control import handlers, kinds
from modelward.control.apply import Applier
from modelward.control.cache import Cache
from modelward.control.children import Children
from modelward.control.client import Client
from modelward.control.evidence_book import EvidenceBook
from modelward.control.faults import Faults
from modelward.control.gates import Gates
from modelward.control.kinds import Kind
from modelward.control.lease import Lease, Periods
from modelward.control.listing import Lists
from modelward.control.monitors import Monitors
from modelward.control.polling import Polling
from modelward.control.profiles import Profiles
from modelward.control.queue import WorkQueue
from modelward.control.reconcile import Reconciler
from modelward.control.revisions import Revisions
from modelward.control.settings import Settings
from modelward.control.sources import alerts_receiver, clients, snapshots
from modelward.control.workers import work
from modelward.render.identity import Platform
from modelward.render.revision import Images
from modelward.signals.counts import CountsPoller
from modelward.signals.key import Key
from modelward.signals.server import Readiness, Server
from modelward.signals.telemetry import Telemetry

log: Final = logging.getLogger(__name__)

FINISH_SECONDS: Final = 20.0
"""How long reconciles under way may take to finish after SIGTERM."""


class Operator:
    """One process."""

    def __init__(self, settings: Settings, api: Configuration, faults: Faults) -> None:
        self._settings = settings
        self._api = api
        self._client = Client(api, faults)
        self._cache = Cache()
        self._lists = Lists(self._client, self._cache, settings.namespaces)
        self._queue: WorkQueue[Key] = WorkQueue()
        self._book = EvidenceBook()
        self._telemetry = Telemetry()
        self._telemetry.watch_queue(lambda: len(self._queue))
        self._prometheus = clients(settings)
        poller = CountsPoller(
            self._prometheus, self._telemetry, evaluation_delay_seconds=settings.evaluation_delay_seconds
        )
        self._polling = Polling(self._prometheus, poller, self._book, self._queue.add)
        self._monitors = Monitors()
        lease = settings.lease
        self._lease = Lease(
            self._client,
            lease.namespace,
            lease.name,
            _identity(),
            periods=Periods(lease.duration_seconds, lease.renew_deadline_seconds, lease.retry_period_seconds),
        )
        self._applier = Applier(self._client, self._cache)
        self._synced = False
        self._leads = False

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            CancelledError: the signal came while it was still starting.
            LeaseLostError: another operator may be writing.
            KindsChangedError: prometheus-operator was installed or removed.
            Exception: a part failed for good.
        """
        starting = asyncio.current_task()
        if starting is not None:
            _on_signal(starting.cancel)
        server = self._server()
        await server.start()
        try:
            watched = await self._lists.fill()
            self._synced = True
            await self._run_parts(watched)
        finally:
            self._queue.close()
            await self._lease.release()
            await server.close()
            await self._prometheus.close()
            await self._monitors.close()
            await self._client.close()

    async def _run_parts(self, watched: Sequence[Kind]) -> None:
        """Run workers, leadership, lists and watches side by side until one ends or a signal comes."""
        stop, stop_kopf, kopf_started = asyncio.Event(), asyncio.Event(), asyncio.Event()
        reconciler = self._reconciler(watched)
        leading = asyncio.Event()
        workers = [
            asyncio.create_task(self._work(reconciler, leading)) for _ in range(self._settings.workers)
        ]
        parts = [
            asyncio.create_task(self._lead(reconciler, leading)),
            asyncio.create_task(self._lists.repeat(watched, self._settings.relist_minutes * 60, self._wake)),
            asyncio.create_task(
                handlers.watch(
                    handlers.Scope(self._api, watched, self._settings.namespaces),
                    self._cache,
                    self._queue.add,
                    self._lists.listed_by_watch,
                    stop=stop_kopf,
                    started=kopf_started,
                )
            ),
            asyncio.create_task(stop.wait()),
        ]
        try:
            await asyncio.wait(
                [*parts, asyncio.create_task(kopf_started.wait())], return_when="FIRST_COMPLETED"
            )
            # kopf has set handlers of its own, which would end everything at once.
            _on_signal(stop.set)
            done, _ = await asyncio.wait([*parts, *workers], return_when="FIRST_COMPLETED")
            self._leads = False
            for task in done:
                task.result()
            self._queue.close()
            await asyncio.wait(workers, timeout=FINISH_SECONDS)
        finally:
            stop_kopf.set()
            for task in (*parts, *workers):
                task.cancel()
            await asyncio.gather(*parts, *workers, return_exceptions=True)

    def _reconciler(self, watched: Sequence[Kind]) -> Reconciler:
        settings = self._settings
        images = Images(settings.images.collector, settings.images.monitor, settings.images.fetch)
        platform = Platform(
            optional_kinds=frozenset(kind.name for kind in watched if kind in kinds.OPTIONAL),
            pod_monitor_labels=settings.monitoring_labels.pod_monitor,
            prometheus_rule_labels=settings.monitoring_labels.prometheus_rule,
            runbook_base_url=settings.runbook_base_url,
        )
        revisions = Revisions(self._cache, self._applier, images)
        return Reconciler(
            client=self._client,
            cache=self._cache,
            applier=self._applier,
            monitors=self._monitors,
            book=self._book,
            children=Children(self._applier, self._cache, self._monitors, revisions, platform),
            revisions=revisions,
            gates=Gates(self._client, self._cache, self._applier, settings.images.gates),
            profiles=Profiles(self._cache),
            telemetry=self._telemetry,
            clock=lambda: datetime.now(UTC),
        )

    async def _work(self, reconciler: Reconciler, leading: asyncio.Event) -> None:
        await leading.wait()
        await work(self._queue, reconciler.reconcile, self._telemetry)

    async def _lead(self, reconciler: Reconciler, leading: asyncio.Event) -> None:
        """Wait for the lease, take over the evidence, let the workers begin; raises when it is lost."""
        await self._lease.acquire()
        self._telemetry.leads()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._lease.hold())
                await self._take_over(reconciler)
                self._leads = True
                leading.set()
                self._wake(self._cache.deployments())
                tasks.create_task(self._polling.run())
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _take_over(self, reconciler: Reconciler) -> None:
        """Follow every deployment and bring its evidence up to date, so that no decision is made on less."""
        for key in self._cache.deployments():
            record = self._cache.get(key, kinds.MODEL_DEPLOYMENT, key.name)
            with contextlib.suppress(InvalidManifestError):
                if record is not None:
                    manifest = record.manifest()
                    reconciler.follow(key, record.uid, read_spec(manifest), read_status(manifest))
        await self._polling.ask(())

    def _wake(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._queue.add(key)

    def _server(self) -> Server:
        return Server(
            telemetry=self._telemetry,
            snapshots=lambda: snapshots(self._cache, self._book) if self._leads else (),
            readiness=lambda: Readiness(caches_synced=self._synced, leader=self._leads),
            receiver=alerts_receiver(
                self._settings,
                self._cache,
                self._book,
                self._telemetry,
                hint=self._polling.hint,
                unready=lambda: "" if self._leads else "this operator is not the leader",
            ),
            http_port=self._settings.http_port,
            alerts_port=self._settings.alerts_port,
        )


def _on_signal(end: Callable[[], object]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)


def _identity() -> str:
    """Return what this process is called in the lease.

    In a pod that is the pod's name, so that a container that crashed takes its own lease up again at once.
    """
    return os.environ.get("POD_NAME") or f"{socket.gethostname()}_{os.getpid()}"
