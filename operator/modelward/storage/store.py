"""Lists and reads a model's files in its store, through fsspec."""

import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, Final

import fsspec
from aiohttp import ClientTimeout

from modelward.storage.failure import FetchError, Reason
from modelward.storage.location import CONNECT_SECONDS, Location, missing_extra

CHUNK_BYTES: Final = 8 * 1024 * 1024
_VERSION_KEYS: Final = ("ETag", "etag", "generation", "mtime", "LastModified", "last_modified")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of the model."""

    path: str
    """In the store."""
    relative_path: str
    """Below the model's folder."""
    size_bytes: int | None
    """None when the store doesn't say."""
    version: str | None
    """What tells one content from another (an ETag); None when the store has none."""


class Store:
    """The file system that holds the model."""

    def __init__(self, location: Location) -> None:
        self._location = location
        try:
            # A cached listing or connection must not outlive the failure that a retry is for.
            self.files = fsspec.filesystem(
                location.protocol, skip_instance_cache=True, use_listings_cache=False, **_options(location)
            )
        except ImportError as error:
            raise missing_extra(location) from error
        if location.protocol == "s3":
            # The caller tries again; five tries within each of its own would hide a silent store for minutes.
            self.files.retries = 1

    def list(self) -> tuple[RemoteFile, ...]:
        """The model's files, in order of their paths.

        Raises:
            FetchError: there is none (an empty model is never meant), or a name can't be a file's here.
            OSError, ClientError, BotoCoreError: whatever the store fails with.
        """
        location = self._location
        info = self.files.info(location.path)  # isfile() would take a store that fails for a folder
        if location.is_single_file or info.get("type") == "file":
            name = PurePosixPath(location.path.partition("?")[0]).name
            return (_remote_file(location.path, name, info),)
        prefix = location.path + "/"
        found = self.files.find(location.path, detail=True)
        files = [
            _remote_file(path, path.removeprefix(prefix), info)
            for path, info in sorted(found.items())
            if path.startswith(prefix) and not path.endswith("/") and info.get("type") != "directory"
        ]
        if not files:
            raise FetchError(Reason.NOT_FOUND, f"nothing is at {location.uri}; check spec.model.uri")
        for file in files:
            if ".." in PurePosixPath(file.relative_path).parts or file.relative_path.startswith("/"):
                raise FetchError(
                    Reason.UNSUPPORTED, f"{location.uri}: {file.relative_path!r} leaves the folder"
                )
        return tuple(files)

    def open(self, file: RemoteFile) -> IO[bytes]:
        """The content of `file`, for reading; seekable where the store can begin in the middle."""
        opened: IO[bytes] = self.files.open(file.path, "rb", block_size=CHUNK_BYTES, cache_type="readahead")
        return opened

    def open_start(self, file: RemoteFile) -> IO[bytes]:
        """`file` for reading a few bytes: nothing is read ahead, and each read asks the store anew."""
        opened: IO[bytes] = self.files.open(file.path, "rb", block_size=1, cache_type="none")
        return opened


def _remote_file(path: str, relative_path: str, info: dict[str, Any]) -> RemoteFile:
    version = next((str(info[key]) for key in _VERSION_KEYS if info.get(key) is not None), None)
    size = info.get("size")
    return RemoteFile(path, relative_path, size if isinstance(size, int) else None, version)


def _options(location: Location) -> dict[str, Any]:
    """Arguments of the file system, which the fetch and the probe have from here."""
    if location.protocol == "s3":
        return _s3_options(location.silence_seconds)
    if location.protocol in {"http", "https"}:
        return _http_options(location.silence_seconds)
    return {}


def _http_options(silence_seconds: float) -> dict[str, Any]:
    timeout = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence_seconds)
    return {"client_kwargs": {"timeout": timeout}}


def _s3_options(silence_seconds: float) -> dict[str, Any]:
    """Credentials come from AWS_* in the environment; a store of one's own is named by AWS_ENDPOINT_URL."""
    config: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
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
