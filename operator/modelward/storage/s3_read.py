"""Reads the beginning of an S3 object: finds it in a further process, then sends that one's request again.

The process that finds it takes the memory of S3's whole client, and half a second of a core. It answers until
a read has come to something, then it ends. It is started again when the object has gone, the store refuses
the credentials or says what only the client can make sense of, and in the background before credentials
expire, whose successors it finds as the fetch would.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Final

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from modelward.storage.answers import Answer, failed, of_status, took
from modelward.storage.finder import Finder, FinderError
from modelward.storage.s3_request import Beginning, S3Request, Sender

RENEWED_AFTER: Final = 0.5
"""Share of the time for which credentials hold, after which others are asked for."""
RENEWAL_PAUSE_SECONDS: Final = 60.0
"""Longest time between two tries to renew; less where credentials hold for less than twice that."""
_SLOW_DOWN: Final = 429
_FAULTS: Final = 500
_CAN_BE_TOLD: Final = frozenset({401, 403, 404, 410})


@dataclass(frozen=True, slots=True)
class _Known:
    """A request that has been found."""

    request: S3Request
    asked_s: float
    """Monotonic time before it was made."""
    sender: Sender

    def has_expired(self) -> bool:
        return self._is_older_than(1.0)

    def is_due(self) -> bool:
        return self._is_older_than(RENEWED_AFTER)

    def _is_older_than(self, share: float) -> bool:
        valid_s = self.request.valid_seconds
        return valid_s is not None and time.monotonic() - self.asked_s > valid_s * share


class S3Reader:
    """The first file of a model at an s3:// URI."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._known: _Known | None = None
        self._finder: Finder | None = None
        self._renewal: Thread | None = None
        self._renewal_began_s = -RENEWAL_PAUSE_SECONDS

    def answer(self) -> Answer:
        """Read once and say how it went. Raises FinderError."""
        known = self._known
        if known is not None and known.has_expired():
            self._known = known = None
        if known is None:
            return self._find()
        try:
            got = known.sender.send(known.request)
        except (BotoCoreError, HTTPError, OSError) as error:
            return failed(self._uri, error)
        return self._judge(got)

    def settle(self) -> None:
        """Between two reads: end a process that has done its work, or begin one that is needed.

        Raises FinderError.
        """
        if self._known is None:
            self._begin_finder().wait_until_ready()
        elif self._finder is not None:
            finder, self._finder = self._finder, None
            finder.end()
        elif self._known.is_due():
            self._renew(self._known)

    def _judge(self, got: Beginning) -> Answer:
        if got.content:
            return took(got.seconds)
        if got.status >= _FAULTS or got.status == _SLOW_DOWN:
            return of_status(self._uri, got.status, got.reason)
        self._known = None
        if got.status in _CAN_BE_TOLD:
            return of_status(self._uri, got.status, got.reason)
        # Another region, credentials that have expired, a file that is empty now: what it is the client says.
        return self._find()

    def _find(self) -> Answer:
        asked_s = time.monotonic()
        answer, request = self._begin_finder().answer()
        if request is not None:
            self._keep(request, asked_s)
        return answer

    def _begin_finder(self) -> Finder:
        if self._finder is None:
            self._finder = Finder(self._uri)
        return self._finder

    def _keep(self, request: S3Request, asked_s: float) -> None:
        known = self._known
        if known is not None and (known.request.verify, known.request.proxies) == (
            request.verify,
            request.proxies,
        ):
            sender = known.sender
        else:
            sender = Sender(request.verify, request.proxies)
        self._known = _Known(request, asked_s, sender)

    def _renew(self, known: _Known) -> None:
        """Have the request made anew, while reads go on with the old one."""
        if self._renewal is not None and self._renewal.is_alive():
            return
        now_s, valid_s = time.monotonic(), known.request.valid_seconds or 0.0
        if now_s - self._renewal_began_s < min(RENEWAL_PAUSE_SECONDS, valid_s / 4):
            return
        self._renewal_began_s = now_s
        self._renewal = Thread(target=self._renew_now, daemon=True)
        self._renewal.start()

    def _renew_now(self) -> None:
        asked_s = time.monotonic()
        finder = Finder(self._uri)
        with suppress(FinderError):  # the next try, or the one after they have expired, may fare better
            _, request = finder.answer()
            if request is not None:
                self._keep(request, asked_s)
        finder.end()
