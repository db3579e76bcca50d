"""Takes keys from the queue and reconciles them, each in its turn, with back-off after a failure."""

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeAlias

from modelward.control.client import CONFLICT, ApiError
from modelward.control.queue import WorkQueue
from modelward.control.reconcile import NotTakenError
from modelward.signals.key import Key
from modelward.signals.telemetry import Telemetry
from modelward.signals.tracing import TRACER, of_deployment

log: Final = logging.getLogger(__name__)

Reconcile: TypeAlias = Callable[[Key], Awaitable[timedelta | None]]


async def work(queue: WorkQueue[Key], reconcile: Reconcile, telemetry: Telemetry) -> None:
    """Work until the queue is closed; what is being worked on then is finished."""
    while (key := await queue.take()) is not None:
        began = time.perf_counter()
        result = "error"
        try:
            with TRACER.start_as_current_span("modelward.reconcile", attributes=of_deployment(key)):
                look_again_after = await reconcile(key)
            result = "ok"
            queue.succeeded(key)
            if look_again_after is not None:
                queue.add_after(key, look_again_after)
        except ApiError as error:
            again_in = queue.retry(key)
            # Somebody else has written meanwhile; the watch brings it, and that is nothing to report.
            level = logging.DEBUG if error.status == CONFLICT else logging.WARNING
            log.log(level, "reconcile failed: %s", error, extra=_about(key, again_in))
        except NotTakenError as error:
            log.warning("not taken: %s", error, extra=_about(key, queue.retry(key)))
        except Exception:
            log.exception("reconcile failed", extra=_about(key, queue.retry(key)))
        finally:
            queue.done(key)
            telemetry.reconciled(time.perf_counter() - began, result)


def _about(key: Key, again_in: timedelta) -> dict[str, object]:
    return {"deployment": str(key), "again_in_seconds": again_in.total_seconds()}
