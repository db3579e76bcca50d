"""An S3 store of one object that can be told how to answer, and what credentials are asked of."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web

CONTENT: Final = b"model" * 1000
KEY: Final = "m/model.bin"
_SCOPE: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/s3/aws4_request,")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for the object."""

    method: str
    path: str
    range: str | None
    access_key: str | None
    """None: it was not signed."""
    region: str | None
    token: str | None
    is_clients: bool
    """Whether S3's whole client sent it, which numbers its requests."""


@dataclass(slots=True)
class ObjectStore:
    """Answers for S3, for STS (POST) and as a container's source of credentials (/credentials)."""

    status: int = 200
    delay_s: float = 0.0
    region: str = "us-east-1"
    """Requests signed for another one are refused, with the right one."""
    content: bytes = CONTENT
    expires_s: float = 3600.0
    """How long the credentials hold that are given."""
    asked: list[Asked] = field(default_factory=list)
    given: int = 0
    """How many credentials have been given: access keys are key-1, key-2 and so on."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if request.method == "POST" or request.path == "/credentials":
            return self._credentials(request)
        asked = _asked(request)
        self.asked.append(asked)
        await asyncio.sleep(self.delay_s)
        if asked.region is not None and asked.region != self.region:
            return self._other_region(request)
        return web.Response(status=self.status) if self.status != 200 else self._object(request)

    def _object(self, request: web.Request) -> web.Response:
        common = {"ETag": '"one"', "Last-Modified": "Tue, 01 Dec 2026 10:00:00 GMT"}
        if request.method == "HEAD":
            return web.Response(headers={**common, "Content-Length": str(len(self.content))})
        wanted = request.http_range
        part = self.content[wanted]
        if not part and wanted.start is not None:
            return web.Response(status=416)
        if wanted.start is None:
            return web.Response(headers=common, body=part)
        last = wanted.start + len(part) - 1
        common["Content-Range"] = f"bytes {wanted.start}-{last}/{len(self.content)}"
        return web.Response(status=206, headers=common, body=part)

    def _other_region(self, request: web.Request) -> web.Response:
        text = (
            "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong</Message>"
            f"<Region>{self.region}</Region></Error>"
        )
        body = None if request.method == "HEAD" else text
        return web.Response(status=400, text=body, headers={"x-amz-bucket-region": self.region})

    def _credentials(self, request: web.Request) -> web.Response:
        self.given += 1
        key, token = f"key-{self.given}", f"token-{self.given}"
        ends = datetime.now(UTC) + timedelta(seconds=self.expires_s)
        expiration = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
        if request.method == "GET":
            names = {"AccessKeyId": key, "SecretAccessKey": "secret", "Token": token}
            return web.json_response({**names, "Expiration": expiration})
        text = (
            '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{key}</AccessKeyId>"
            f"<SecretAccessKey>secret</SecretAccessKey><SessionToken>{token}</SessionToken>"
            f"<Expiration>{expiration}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
            "</AssumeRoleWithWebIdentityResponse>"
        )
        return web.Response(text=text, content_type="text/xml")


def _asked(request: web.Request) -> Asked:
    headers = request.headers
    scope = _SCOPE.match(headers.get("Authorization", ""))
    access_key, region = scope.groups() if scope else (None, None)
    token = headers.get("X-Amz-Security-Token")
    is_clients = "amz-sdk-invocation-id" in headers
    return Asked(request.method, request.path, headers.get("Range"), access_key, region, token, is_clients)
