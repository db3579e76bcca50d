"""The request for the beginning of an S3 object, which one process works out and another sends again.

Whose region, endpoint and way of addressing it is, what it is signed with and whose certificates are trusted
is found once by botocore as the fetch uses it, with its model of S3 in memory. To sign the request anew and
to send it takes none of that, but botocore's signer and HTTP session, which is urllib3's.
"""

import time
from dataclasses import dataclass
from typing import Final

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.httpsession import URLLib3Session

from modelward.storage.answers import READ_BYTES, SILENCE_SECONDS
from modelward.storage.http_read import KEPT_SECONDS
from modelward.storage.location import CONNECT_SECONDS

SIGNING_NAME: Final = "s3"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request is signed with; the names are those that botocore's signer asks for."""

    access_key: str
    secret_key: str
    token: str | None


@dataclass(frozen=True, slots=True)
class S3Request:
    """GET of an object; JSON of it is what one process gives to the other."""

    url: str
    headers: dict[str, str]
    """Without those that signing adds."""
    region: str
    """That it is signed for."""
    credentials: Credentials | None
    """None: it is not signed."""
    valid_seconds: float | None
    """For so long the credentials hold for certain, from when it was made; None: till they are refused."""
    verify: bool | str
    """The file of certificates that are trusted; True: those that botocore brings."""
    proxies: dict[str, str]
    """By scheme."""

    def sign(self) -> AWSPreparedRequest:
        """As it can be sent within the next minutes."""
        headers = {**self.headers, "Range": f"bytes=0-{READ_BYTES - 1}"}
        request = AWSRequest(method="GET", url=self.url, headers=headers, stream_output=True)
        if self.credentials is not None:
            S3SigV4Auth(self.credentials, SIGNING_NAME, self.region).add_auth(request)
        return request.prepare()


@dataclass(frozen=True, slots=True)
class Beginning:
    """What came of sending a request once."""

    status: int
    reason: str
    content: bytes
    """At most READ_BYTES; none if the status is another than 200 and 206."""
    seconds: float


class Sender:
    """Sends requests on one connection, as long as it is in use."""

    def __init__(self, verify: bool | str, proxies: dict[str, str]) -> None:  # noqa: FBT001 - as botocore has it
        timeouts = (CONNECT_SECONDS, SILENCE_SECONDS)
        self._session = URLLib3Session(verify=verify, proxies=proxies, timeout=timeouts)
        self._ended_s = time.monotonic()

    def send(self, request: S3Request) -> Beginning:
        """Send it and read the beginning of the answer.

        Raises BotoCoreError, urllib3's HTTPError, OSError: the store, or what is on the way, fails.
        """
        if time.monotonic() - self._ended_s > KEPT_SECONDS:
            self._session.close()
        signed = request.sign()
        asked_s = time.perf_counter()
        try:
            response = self._session.send(signed)
            raw = response.raw
            try:
                content = raw.read(READ_BYTES) if response.status_code in {200, 206} else b""
            finally:
                # The connection too, unless all has come.
                raw.close()
            return Beginning(response.status_code, raw.reason or "", content, time.perf_counter() - asked_s)
        finally:
            self._ended_s = time.monotonic()
