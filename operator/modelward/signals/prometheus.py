"""A client of Prometheus' HTTP API (Prometheus, Thanos, Mimir): instant and range queries by POST.

One client per address. At most four queries are under way at once, each with its own time-out; how an
answer is read is in `answers`. Authorisation files and certificates are read again when they change.
"""

import asyncio
import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp

from modelward.signals.answers import (
    Grid,
    NonsenseAnswerError,
    PrometheusUnavailableError,
    QueryTimeoutError,
    Series,
    Span,
    error_text,
    is_timeout,
    matrix,
    samples,
    vector,
)
from modelward.signals.credentials import SecretFile, SecretUnreadableError

CONCURRENT_QUERIES: Final = 4
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
HTTP_OK: Final = 200
HTTP_UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a Prometheus is and how it is spoken to. Equal endpoints share a client."""

    url: str
    """Base address, to which /api/v1/query is added: http://prometheus.monitoring:9090, or with a prefix."""
    timeout_seconds: float = 10.0
    """Of one query, from its sending to the last byte of its answer."""
    headers: tuple[tuple[str, str], ...] = ()
    """Added to each request, for instance the tenant: (("X-Scope-OrgID", "team-a"),)."""
    bearer_token_file: Path | None = None
    username: str | None = None
    """Of basic authentication; goes with password_file."""
    password_file: Path | None = None
    ca_file: Path | None = None
    """Certificates that sign the server's; None: the system's."""
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    max_answer_bytes: int = MAX_ANSWER_BYTES

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other (ValueError)."""
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"a Prometheus address starts with http:// or https://, got {self.url!r}")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("basic authentication needs both a user name and a password file")
        if self.username is not None and self.bearer_token_file is not None:
            raise ValueError("give either a bearer token or a user name with a password, not both")
        if (self.client_certificate_file is None) != (self.client_key_file is None):
            raise ValueError("a client certificate needs both a certificate file and a key file")


@dataclass(slots=True)
class _Certificates:
    """The TLS context of an endpoint, made anew when one of its files changed."""

    endpoint: Endpoint
    _seen: tuple[int, ...] | None = None
    _context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        endpoint = self.endpoint
        files = (endpoint.ca_file, endpoint.client_certificate_file, endpoint.client_key_file)
        seen = tuple(file.stat().st_mtime_ns for file in files if file is not None)
        if self._context is None or seen != self._seen:
            context = ssl.create_default_context(cafile=endpoint.ca_file)
            if endpoint.client_certificate_file is not None:
                context.load_cert_chain(endpoint.client_certificate_file, endpoint.client_key_file)
            self._context, self._seen = context, seen
        return self._context


@dataclass(slots=True)
class Prometheus:
    """A client for one endpoint; an async context manager, or close it yourself."""

    endpoint: Endpoint
    _session: aiohttp.ClientSession | None = field(init=False, default=None)
    _turns: asyncio.Semaphore = field(
        init=False, default_factory=lambda: asyncio.Semaphore(CONCURRENT_QUERIES)
    )
    _certificates: _Certificates = field(init=False)
    _secret: SecretFile | None = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the certificates and the secret; nothing is read or connected yet."""
        self._certificates = _Certificates(self.endpoint)
        secret = self.endpoint.bearer_token_file or self.endpoint.password_file
        self._secret = SecretFile(secret) if secret else None

    async def __aenter__(self) -> Self:
        """Nothing is connected before the first query."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections; a later query opens new ones."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def instant(self, query: str, at: float) -> tuple[Series, ...]:
        """Evaluate a query at one time (unix seconds); each series has one point.

        Raises:
            PrometheusUnavailableError: no complete answer in time.
            NonsenseAnswerError: an answer that is not one.
        """
        body = await self._post("/api/v1/query", {"query": query, "time": _time(at)})
        return vector(body, at)

    async def range(self, query: str, grid: Grid) -> tuple[Series, ...]:
        """Evaluate a query at each time of the grid; a series has points where it exists.

        Raises:
            PrometheusUnavailableError: no complete answer in time.
            NonsenseAnswerError: an answer that is not one.
        """
        form = {"query": query, "start": _time(grid.start), "end": _time(grid.end), "step": _time(grid.step)}
        body = await self._post("/api/v1/query_range", form)
        return matrix(body, grid)

    async def samples(self, query: str, span: Span) -> tuple[Series, ...]:
        """Ask for the raw samples of a range vector that reaches from the span's start to its end.

        Raises:
            PrometheusUnavailableError: no complete answer in time.
            NonsenseAnswerError: an answer that is not one.
        """
        body = await self._post("/api/v1/query", {"query": query, "time": _time(span.end)})
        return samples(body, span)

    async def _post(self, path: str, form: Mapping[str, str]) -> bytes:
        url = self.endpoint.url.rstrip("/") + path
        async with self._turns:
            try:
                async with asyncio.timeout(self.endpoint.timeout_seconds):
                    return await self._exchange(url, form)
            except TimeoutError as error:
                raise QueryTimeoutError(
                    f"{url} gave no answer within {self.endpoint.timeout_seconds:g} s"
                ) from error
            except (aiohttp.ClientError, OSError, SecretUnreadableError) as error:
                raise PrometheusUnavailableError(f"{url} cannot be asked: {error}") from error
            except ValueError as error:
                # aiohttp's refusal of a malformed address or header.
                raise PrometheusUnavailableError(
                    f"{url} cannot be asked, its settings are wrong: {error}"
                ) from error

    async def _exchange(self, url: str, form: Mapping[str, str]) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        options = {"timeout": f"{self.endpoint.timeout_seconds:g}s"}
        context = self._certificates.context() if url.startswith("https://") else True
        async with self._session.post(
            url, data={**form, **options}, headers=self._headers(), ssl=context, allow_redirects=False
        ) as response:
            body = await self._bounded(response)
            if response.status != HTTP_OK:
                message = f"{url} answered {response.status}: {error_text(body)}"
                if response.status == HTTP_UNAVAILABLE and is_timeout(body):
                    raise QueryTimeoutError(message)
                raise PrometheusUnavailableError(message)
            return body

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self.endpoint.max_answer_bytes:
                raise NonsenseAnswerError(f"the answer is larger than {self.endpoint.max_answer_bytes} bytes")
            chunks.append(chunk)
        return b"".join(chunks)

    def _headers(self) -> dict[str, str]:
        headers = dict(self.endpoint.headers)
        if self._secret is None:
            return headers
        if self.endpoint.username is not None:
            pair = f"{self.endpoint.username}:{self._secret.read()}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        else:
            headers["Authorization"] = f"Bearer {self._secret.read()}"
        return headers


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"
