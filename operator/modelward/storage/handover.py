"""Gives away the request by which s3fs has read an object, with what it takes to sign it anew."""

import os
import re
from typing import Any, Final

from botocore.exceptions import BotoCoreError
from botocore.utils import get_environ_proxies
from fsspec.asyn import sync

from modelward.storage.s3_request import SIGNING_NAME, Credentials, S3Request

LONGEST_SECONDS: Final = 12 * 3600.0
SHORTEST_SECONDS: Final = 10.0
"""Credentials that expire sooner are not given away."""
_NOT_GIVEN: Final = frozenset(
    {
        *("authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"),  # the signer's
        *("amz-sdk-invocation-id", "amz-sdk-request"),  # of one request alone
        *("range", "if-match"),  # whatever is there now is read, from its beginning
    }
)
_SIGNATURE: Final = re.compile(
    rf"AWS4-HMAC-SHA256 Credential=[^,]+/\d{{8}}/(?P<region>[^/,]+)/{SIGNING_NAME}/aws4_request,"
)


class Handover:
    """Listens to what a file system of s3fs sends."""

    def __init__(self, files: Any) -> None:  # noqa: ANN401 - s3fs has no types
        self._files = files
        self._sent: Any = None
        """The newest request for an object, as it was sent."""

    def listen(self) -> None:
        """Begin with it; the client is made anew now and then, so before each read."""
        self._sent = None
        self._files.s3.meta.events.register_last(
            "before-send.s3.GetObject", self._note, unique_id="modelward-handover"
        )

    def request(self) -> S3Request | None:
        """The newest request; None where it is signed in a way that can't be repeated elsewhere."""
        # Of what is configured past botocore, in fsspec's own settings, the request does not tell.
        if self._sent is None or self._files.client_kwargs:
            return None
        headers = {name: _text(value) for name, value in self._sent.headers.items()}
        signature = headers.get("Authorization")
        found = None if signature is None else _SIGNATURE.match(signature)
        if signature is not None and found is None:
            return None
        credentials, valid_seconds = (
            (None, None) if found is None else sync(self._files.loop, self._credentials)
        )
        if valid_seconds is not None and valid_seconds < SHORTEST_SECONDS:
            return None
        bundle = self._files.session.get_config_variable("ca_bundle")
        return S3Request(
            url=self._sent.url,
            headers={name: value for name, value in headers.items() if name.lower() not in _NOT_GIVEN},
            region="" if found is None else found["region"],
            credentials=credentials,
            valid_seconds=valid_seconds,
            verify=bundle or os.environ.get("REQUESTS_CA_BUNDLE") or True,
            proxies=get_environ_proxies(self._sent.url),
        )

    def _note(self, request: Any, **_: object) -> None:  # noqa: ANN401 - botocore has no types
        self._sent = request

    async def _credentials(self) -> tuple[Credentials | None, float | None]:
        """What the session signs with, and for how long it holds; 0 s where that is not known."""
        try:
            holder = await self._files.session.get_credentials()
            frozen = await holder.get_frozen_credentials()
        except BotoCoreError:
            return None, 0.0
        credentials = Credentials(frozen.access_key, frozen.secret_key, frozen.token)
        if not hasattr(holder, "refresh_needed"):
            return credentials, None
        # When they expire is not told, but whether they do within a time.
        seconds = LONGEST_SECONDS
        while seconds >= SHORTEST_SECONDS and holder.refresh_needed(refresh_in=seconds):
            seconds /= 2
        return credentials, seconds


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
