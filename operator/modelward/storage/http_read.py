"""Reads the beginning of a file from an HTTP server, with urllib3 alone.

As the fetch does, it trusts the system's certificates (SSL_CERT_FILE), takes a user from the URL, follows
redirects and asks no proxy.
"""

import ssl
import time
from typing import Final
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import make_headers

from modelward.storage.answers import READ_BYTES, SILENCE_SECONDS, Answer, failed, of_status, refused, took
from modelward.storage.failure import FetchError, not_found
from modelward.storage.location import CONNECT_SECONDS, locate

KEPT_SECONDS: Final = 12.0
"""A connection that has been at rest for longer is not used again: what stands between may have forgotten it,
and a server that closes it at that moment has not failed."""
_RETRIES: Final = urllib3.Retry(total=None, connect=False, read=False, other=False, status=0, redirect=10)
_RANGE_BEYOND_END: Final = 416


class HttpReader:
    """A file at an http(s) URL."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._unfit: FetchError | None = None
        try:
            locate(uri)
        except FetchError as error:
            self._unfit = error
            return
        user = urlsplit(uri)
        self._headers = {"Range": f"bytes=0-{READ_BYTES - 1}", "Accept-Encoding": "identity"}
        if user.username is not None:
            basic = f"{unquote(user.username)}:{unquote(user.password or '')}"
            self._headers |= make_headers(basic_auth=basic)
        self._pool = urllib3.PoolManager(
            ssl_context=ssl.create_default_context() if uri.startswith("https:") else None,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS),
            retries=_RETRIES,
        )
        self._ended_s = time.monotonic()

    def settle(self) -> None:
        """Nothing is to be done between two reads."""

    def answer(self) -> Answer:
        """Read once and say how it went."""
        if self._unfit is not None:
            return refused(self._unfit)
        if time.monotonic() - self._ended_s > KEPT_SECONDS:
            self._pool.clear()
        try:
            return self._read()
        except (HTTPError, OSError) as error:
            return failed(self._uri, error)
        finally:
            self._ended_s = time.monotonic()

    def _read(self) -> Answer:
        asked_s = time.perf_counter()
        response = self._pool.request("GET", self._uri, headers=self._headers, preload_content=False)
        try:
            if response.status not in {200, 206, _RANGE_BEYOND_END}:
                return of_status(self._uri, response.status, response.reason or "")
            content = b"" if response.status == _RANGE_BEYOND_END else response.read(READ_BYTES)
            taken_s = time.perf_counter() - asked_s
        finally:
            # Its connection too, unless all has come: without ranges the whole file would follow.
            response.close()
        return took(taken_s) if content else refused(not_found(self._uri))
