"""Where a model is: a URI as fsspec's file system and the path in it.

A pvc:// model is mounted by the operator, which then names its folder as file://.
"""

import os
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import ClientTimeout

from modelward.storage.failure import FetchError, Reason

_CONNECT_SECONDS: Final = 5
SILENCE_SECONDS: Final = 30
"""Longest silence of a store; how long a whole answer takes is not limited."""
_EXTRAS: Final = {"gs": "gcs", "abfs": "azure"}
"""Schemes whose file system is installed by an extra of its own."""


@dataclass(frozen=True, slots=True)
class Location:
    """A model's URI, taken apart."""

    uri: str
    protocol: str
    """fsspec's name of the file system."""
    path: str
    """In the file system; without a trailing slash."""
    options: dict[str, Any]
    """Arguments of the file system."""
    is_single_file: bool
    """Whether it can only be one file, because the store has no listings."""


def locate(uri: str, silence_seconds: float = SILENCE_SECONDS) -> Location:
    """Take `uri` apart, to be read with a limit on the store's silence.

    Raises FetchError (Unsupported) for one that can't be fetched.
    """
    parts = urlsplit(uri)
    path = f"{parts.netloc}{parts.path}".rstrip("/")
    if parts.scheme == "s3":
        _require(path, uri, "s3://BUCKET/PATH")
        return Location(uri, "s3", path, _s3_options(silence_seconds), is_single_file=False)
    if parts.scheme in {"gs", "abfs"}:
        _require(path, uri, f"{parts.scheme}://BUCKET/PATH")
        return Location(uri, parts.scheme, path, {}, is_single_file=False)
    if parts.scheme in {"http", "https"}:
        if not parts.netloc or parts.path.endswith("/") or not parts.path:
            raise FetchError(
                Reason.UNSUPPORTED, f"{uri}: HTTP has no listings; name one file, without a last slash"
            )
        return Location(uri, parts.scheme, uri, _http_options(silence_seconds), is_single_file=True)
    if parts.scheme == "file":
        _require(parts.path.rstrip("/"), uri, "file:///PATH")
        return Location(uri, "file", parts.path.rstrip("/"), {}, is_single_file=False)
    raise FetchError(
        Reason.UNSUPPORTED,
        f"{uri!r} has no known scheme; write s3://, gs://, abfs://, https://, http:// or file://",
    )


def missing_extra(location: Location) -> FetchError:
    """The error for a file system that is not installed in this image."""
    extra = _EXTRAS.get(location.protocol, location.protocol)
    return FetchError(
        Reason.UNSUPPORTED,
        f"{location.uri}: this image can't read it; build images/monitor with --build-arg STORES={extra}",
    )


def _require(path: str, uri: str, form: str) -> None:
    if not path:
        raise FetchError(Reason.UNSUPPORTED, f"{uri!r} names no place; write {form}")


def _http_options(silence_seconds: float) -> dict[str, Any]:
    timeout = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=silence_seconds)
    return {"client_kwargs": {"timeout": timeout}}


def _s3_options(silence_seconds: float) -> dict[str, Any]:
    """Credentials come from AWS_* in the environment; a store of one's own is named by AWS_ENDPOINT_URL."""
    config: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": silence_seconds,
        "retries": {"total_max_attempts": 1},
        # Some stores send the checksum of a whole object with a part of it. A digest is checked anyway.
        "response_checksum_validation": "when_required",
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        # A store of one's own has no wildcard DNS name for its buckets.
        config["s3"] = {"addressing_style": "path"}
    return {"endpoint_url": endpoint, "config_kwargs": config}
