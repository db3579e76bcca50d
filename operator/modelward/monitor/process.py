"""The monitor's life: read the configuration, open the ports, serve, drain, end.

SIGUSR1 begins draining: not ready, and every answer asks its client to reconnect. In a pod a native
sidecar gets SIGTERM only after the model server has gone, so it is the monitor's preStop hook that
sends it (`modelward-monitor drain`), which the kubelet runs at the very start of termination.
SIGTERM drains too, if nothing has yet, waits until draining has lasted `drain_seconds`, stops
accepting, lets requests under way finish, and ends. It ends in the same way when the second process is gone
for good, so that the kubelet begins it anew: a pod without /metrics would give no evidence.
"""

import asyncio
import signal
import time
from typing import Final

from modelward.monitor.capture.channel import Channel
from modelward.monitor.log import LOGGER
from modelward.monitor.proxy import Proxy
from modelward.monitor.settings import Settings
from modelward.monitor.sideports import admin_routes, metrics_routes
from modelward.monitor.sides import SidePort
from modelward.monitor.spans import Tracer
from modelward.monitor.state import MonitorState
from modelward.monitor.store_probe import StoreProbe
from modelward.monitor.watch import Watcher

DEFAULT_DRAIN_SECONDS: Final = 10.0
"""Draining time of a monitor that never had a configuration."""


async def run(settings: Settings, started_s: float, channel: Channel) -> None:
    """Serve until SIGTERM; `channel` is the second process's. Raises OSError when a port is taken."""
    channel.listen()
    state = MonitorState(started_s=started_s, capture=channel)
    watcher = Watcher(state, settings.config_dir, settings.keys_dir)
    watcher.poll()
    tracer = Tracer(settings.otlp_endpoint) if settings.otlp_endpoint else None
    proxy = Proxy(state, tracer)
    await proxy.listen(settings.serving_port, settings.synthetic_port)
    sides = [SidePort(metrics_routes(state, channel)), SidePort(admin_routes(state))]
    for side, port in zip(sides, (settings.metrics_port, settings.admin_port), strict=True):
        await side.listen(port)
    told_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, _drain, state)
    loop.add_signal_handler(signal.SIGTERM, told_to_end.set)
    loop.add_signal_handler(signal.SIGINT, told_to_end.set)
    probe = StoreProbe(state)
    tasks = [asyncio.create_task(work) for work in (watcher.run(), proxy.sweep(), probe.run())]
    LOGGER.info("serving", extra={"fields": {"port": settings.serving_port}})
    await _wait((told_to_end, channel.gone), tasks)
    _drain(state)
    await asyncio.sleep(_drain_left_s(state))
    proxy.stop_listening()
    LOGGER.info("finishing", extra={"fields": {"requests_in_flight": state.counts.requests_in_flight}})
    await proxy.finish()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for side in sides:
        await side.close()
    if tracer is not None:
        await asyncio.to_thread(tracer.close)
    channel.close()
    LOGGER.info("ended", extra={"fields": {"labels_lost": len(state.labels)}})


async def _wait(reasons: tuple[asyncio.Event, ...], tasks: list[asyncio.Task[None]]) -> None:
    """Until there is a reason to end; a background task that fails ends the process with its error."""
    waiters = [asyncio.create_task(reason.wait()) for reason in reasons]
    await asyncio.wait([*waiters, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for waiter in waiters:
        waiter.cancel()
    for task in tasks:
        if task.done():
            task.result()


def _drain(state: MonitorState) -> None:
    if state.draining_since_s is None:
        state.draining_since_s = time.monotonic()
        LOGGER.info("draining", extra={"fields": {"open_connections": state.counts.open_connections}})


def _drain_left_s(state: MonitorState) -> float:
    whole = DEFAULT_DRAIN_SECONDS if state.config is None else state.config.drain_seconds
    since = state.draining_since_s
    return 0.0 if since is None else max(0.0, since + whole - time.monotonic())
