"""Lists and reads a model's files in its store, through fsspec."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, Final

import fsspec

from modelward.storage.failure import FetchError, Reason
from modelward.storage.location import Location, missing_extra

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
            self._files = fsspec.filesystem(
                location.protocol, skip_instance_cache=True, use_listings_cache=False, **location.options
            )
        except ImportError as error:
            raise missing_extra(location) from error
        if location.protocol == "s3":
            # The caller tries again; five tries within each of its own would hide a silent store for minutes.
            self._files.retries = 1

    def list(self) -> tuple[RemoteFile, ...]:
        """The model's files, in order of their paths.

        Raises:
            FetchError: there is none (an empty model is never meant), or a name can't be a file's here.
            OSError, ClientError, BotoCoreError: whatever the store fails with.
        """
        location = self._location
        info = self._files.info(location.path)  # isfile() would take a store that fails for a folder
        if location.is_single_file or info.get("type") == "file":
            name = PurePosixPath(location.path.partition("?")[0]).name
            return (_remote_file(location.path, name, info),)
        prefix = location.path + "/"
        found = self._files.find(location.path, detail=True)
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
        opened: IO[bytes] = self._files.open(file.path, "rb", block_size=CHUNK_BYTES, cache_type="readahead")
        return opened

    def open_start(self, file: RemoteFile) -> IO[bytes]:
        """`file` for reading a few bytes: nothing is read ahead, and each read asks the store anew."""
        opened: IO[bytes] = self._files.open(file.path, "rb", block_size=1, cache_type="none")
        return opened


def _remote_file(path: str, relative_path: str, info: dict[str, Any]) -> RemoteFile:
    version = next((str(info[key]) for key in _VERSION_KEYS if info.get(key) is not None), None)
    size = info.get("size")
    return RemoteFile(path, relative_path, size if isinstance(size, int) else None, version)
