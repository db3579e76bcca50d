"""Sends labels to a deployment, waiting where it asks to: one client for threads, one for asyncio."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import httpx

from modelward.client.batch import (
    CONTENT_TYPE,
    FeedbackError,
    Item,
    Result,
    Retry,
    Sending,
    batches,
    feedback_url,
)
from modelward.client.receipts import Receipts

TIMEOUT_SECONDS: Final = 30.0
_HEADERS: Final = {"content-type": CONTENT_TYPE}
_NEVER: Final = (httpx.InvalidURL, httpx.UnsupportedProtocol)
"""What trying again does not help."""


@dataclass(slots=True)
class FeedbackClient:
    """Sends labels.

    Args:
        url: of the deployment's Service, such as http://electricity.
        retry: how often, and how long is waited in between.
        http: a client with the caller's own headers, certificates or transport; closed with this one.
    """

    url: str
    retry: Retry = field(default_factory=Retry)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=TIMEOUT_SECONDS))
    receipts: Receipts = field(default_factory=Receipts)

    def send(self, items: Iterable[Item]) -> Iterator[Result]:
        """Send labels and yield what became of each, batch by batch; nothing is sent that is not asked for.

        Raises:
            FeedbackError: the service stayed away, or is no monitor; after what the batch has results for.
        """
        for batch in batches(items):
            sending = Sending(batch, self.retry)
            try:
                while (wait_seconds := self._once(sending)) is not None:
                    time.sleep(wait_seconds)
            except FeedbackError:
                yield from sending.results
                raise
            yield from sending.results

    def _once(self, sending: Sending) -> float | None:
        try:
            answer = self.http.post(feedback_url(self.url), content=sending.body, headers=_HEADERS)
        except _NEVER as error:
            raise FeedbackError(_unsendable(self.url, error)) from error
        except httpx.RequestError as error:
            return sending.lost(str(error) or type(error).__name__)
        return sending.answered(answer.status_code, answer.headers, answer.content)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(slots=True)
class AsyncFeedbackClient:
    """As FeedbackClient, for asyncio."""

    url: str
    retry: Retry = field(default_factory=Retry)
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=TIMEOUT_SECONDS))
    receipts: Receipts = field(default_factory=Receipts)

    async def send(self, items: Iterable[Item]) -> AsyncIterator[Result]:
        """Send labels and yield what became of each, batch by batch; nothing is sent that is not asked for.

        Raises:
            FeedbackError: the service stayed away, or is no monitor; after what the batch has results for.
        """
        for batch in batches(items):
            sending = Sending(batch, self.retry)
            try:
                while (wait_seconds := await self._once(sending)) is not None:  # noqa: ASYNC110 - no event to await
                    await asyncio.sleep(wait_seconds)  # as long as the service asks for
            except FeedbackError:
                for result in sending.results:
                    yield result
                raise
            for result in sending.results:
                yield result

    async def _once(self, sending: Sending) -> float | None:
        try:
            answer = await self.http.post(feedback_url(self.url), content=sending.body, headers=_HEADERS)
        except _NEVER as error:
            raise FeedbackError(_unsendable(self.url, error)) from error
        except httpx.RequestError as error:
            return sending.lost(str(error) or type(error).__name__)
        return sending.answered(answer.status_code, answer.headers, answer.content)

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _unsendable(url: str, error: Exception) -> str:
    return (
        f"labels can't be sent to {url!r}: {error}; write the Service's address, such as http://electricity"
    )
