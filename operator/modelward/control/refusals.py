"""What the API server did not take, and when it is tried again: each object by itself, holding up no other.

A quota or an admission policy may refuse one child for days. Decisions go on meanwhile at their own pace, and
the refused object is sent again after a wait that doubles with each refusal; at once if what is asked for, or
the live object, has changed.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from modelward.control.client import CONFLICT, ApiError, Manifest
from modelward.control.kinds import Kind
from modelward.signals.key import Key

FIRST_RETRY: Final = timedelta(milliseconds=100)
LONGEST_RETRY: Final = timedelta(minutes=2)
LASTING_FAILURES: Final = 6
"""In a row, over some seconds: from then on a failure that is no refusal is told too, as of a webhook."""

log: Final = logging.getLogger(__name__)


class RefusedError(ApiError):
    """The API server did not take an object, now or when it was last sent."""

    def __init__(self, error: ApiError, again_in: timedelta, failures: int = 1) -> None:
        super().__init__(error.status, error.reason, error.message)
        self.again_in = again_in
        """Until when trying once more sends nothing."""
        self.lasts = error.is_refusal or failures >= LASTING_FAILURES
        """Whether more than a moment's trouble is behind it."""


class Refusals:
    """Collects what was refused in one reconcile, so that one bad object does not keep the others back."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, RefusedError]] = []
        """Kind and name of the object, and why."""
        self.unrendered: list[str] = []
        """Why objects could not be made at all, and what to do; to try again is no use."""

    @contextlib.contextmanager
    def of(self, kind: str, name: str) -> Iterator[None]:
        """Note a RefusedError of the block instead of raising it."""
        try:
            yield
        except RefusedError as error:
            self.note(f"{kind} {name}", error)

    def note(self, what: str, error: RefusedError) -> None:
        """Note that an object was refused."""
        self.errors.append((what, error))

    def of_manifest(self, manifest: Manifest) -> contextlib.AbstractContextManager[None]:
        """Do as `of` for the object of a manifest."""
        return self.of(manifest["kind"], manifest["metadata"]["name"])

    @property
    def message(self) -> str:
        """Say what was refused and why; empty if nothing was, or only for a moment."""
        refused = (f"{what}: {error.message}" for what, error in self.errors if error.lasts)
        # Each once: a reconcile that decides something sends its records twice.
        return "; ".join(dict.fromkeys((*refused, *self.unrendered)))

    @property
    def again_in(self) -> timedelta | None:
        """When the first of them may be tried again; None if nothing was refused."""
        return min((error.again_in for _, error in self.errors), default=None)


@dataclass(frozen=True, slots=True)
class _Refused:
    asked: Hashable
    error: ApiError
    failures: int
    again_at: float
    """In the clock's seconds."""


class Retries:
    """The refusals that stand, by deployment, object and what was to be done with it."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        """With a clock in seconds from anywhere."""
        self._seconds = seconds
        self._standing: dict[Key, dict[tuple[str, str, str], _Refused]] = {}

    @contextlib.contextmanager
    def of(self, key: Key, kind: Kind, name: str, asked: Hashable, *, to_be: str = "taken") -> Iterator[None]:
        """Guard the sending of one object of a deployment.

        Args:
            key: the deployment.
            kind: of the object.
            name: of the object.
            asked: what tells this request from another that would have the same done.
            to_be: what is to be done with the object; one thing waits for no other.

        Raises:
            RefusedError: the same was refused lately, and the block was not entered; or it is refused now.
        """
        place = (kind.plural, name, to_be)
        before = self._standing.get(key, {}).get(place)
        if before is not None and before.asked != asked:
            before = None
        if before is not None and (left := before.again_at - self._seconds()) > 0:
            raise RefusedError(before.error, timedelta(seconds=left), before.failures)
        try:
            yield
        except ApiError as error:
            failures = before.failures + 1 if before else 1
            again_in = min(LONGEST_RETRY, FIRST_RETRY * (1 << min(failures - 1, 30)))
            # Somebody else has written meanwhile; the watch brings it, and that is nothing to report.
            level = (
                logging.DEBUG if error.status == CONFLICT and error.reason == "Conflict" else logging.WARNING
            )
            about = {"deployment": str(key), "again_in_seconds": again_in.total_seconds()}
            log.log(level, "not %s: %s %s: %s", to_be, kind.name, name, error, extra=about)
            # From here on, so that what the log says has passed before it is sent again.
            again_at = self._seconds() + again_in.total_seconds()
            self._standing.setdefault(key, {})[place] = _Refused(asked, error, failures, again_at)
            raise RefusedError(error, again_in, failures) from error
        self._standing.get(key, {}).pop(place, None)

    def forget(self, key: Key) -> None:
        """Forget a deployment that is gone."""
        self._standing.pop(key, None)
