"""Where a model is: a URI as fsspec's file system and the path in it. Loads no store's client.

A pvc:// model is mounted by the operator, which then names its folder as file://.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from modelward.storage.failure import FetchError, Reason

CONNECT_SECONDS: Final = 5
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
    silence_seconds: float
    """Longest silence of the store that is waited for."""
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
        return Location(uri, "s3", path, silence_seconds, is_single_file=False)
    if parts.scheme in {"gs", "abfs"}:
        _require(path, uri, f"{parts.scheme}://BUCKET/PATH")
        return Location(uri, parts.scheme, path, silence_seconds, is_single_file=False)
    if parts.scheme in {"http", "https"}:
        if not parts.netloc or parts.path.endswith("/") or not parts.path:
            raise FetchError(
                Reason.UNSUPPORTED, f"{uri}: HTTP has no listings; name one file, without a last slash"
            )
        return Location(uri, parts.scheme, uri, silence_seconds, is_single_file=True)
    if parts.scheme == "file":
        _require(parts.path.rstrip("/"), uri, "file:///PATH")
        return Location(uri, "file", parts.path.rstrip("/"), silence_seconds, is_single_file=False)
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
