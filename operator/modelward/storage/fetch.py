"""One fetch from its URI to its result: verify what is there, else download; check the digest; record.

The record in the model's folder is written last, so a folder that has one is whole. A container that
restarts finds it and verifies the content against it, without the store.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from modelward.storage import digest
from modelward.storage.download import Download
from modelward.storage.failure import FetchError, Reason
from modelward.storage.location import locate

RECORD_FILE: Final = f"{digest.BOOKKEEPING_PREFIX}fetched.json"


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be fetched."""

    uri: str
    folder: Path
    expected_digests: tuple[str, ...]
    """Every one must be the content's; none: the first fetch of a revision, which reports it."""
    stall_seconds: float
    """How long a store that fails is tried without bringing anything new."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model that is whole in its folder."""

    digest: str
    bytes: int
    files: int
    seconds: float
    storage_latency_ms: float | None
    """Time to the first byte; None when nothing was read from the store."""


def fetch(request: Request) -> Fetched:
    """Bring the model into its folder. Raises FetchError."""
    started_s = time.monotonic()
    location = locate(request.uri)
    for expected in request.expected_digests:
        if not digest.is_digest(expected):
            message = f"the expected digest {expected!r} is none; write sha256: and 64 hexadecimal digits"
            raise FetchError(Reason.UNSUPPORTED, message)
    latency_ms = None
    found = _already_there(request)
    if found is None:
        download = Download(location, request.folder, request.stall_seconds)
        download.run()
        latency_ms = download.first_byte_ms
        found = digest.of_folder(request.folder)
    for expected in request.expected_digests:
        if found != expected:
            message = (
                f"{request.uri} has digest {found}, this revision was made from {expected}: the model was "
                "overwritten; put the old one back, or put the new one at a URI of its own and apply that"
            )
            raise FetchError(Reason.DIGEST_MISMATCH, message)
    files = digest.model_files(request.folder)
    _record(request, found)
    return Fetched(
        digest=found,
        bytes=sum(path.stat().st_size for path in files),
        files=len(files),
        seconds=round(time.monotonic() - started_s, 3),
        storage_latency_ms=latency_ms,
    )


def _already_there(request: Request) -> str | None:
    """The digest of a whole model that an earlier fetch of the same URI left; None when there is none."""
    try:
        record = orjson.loads((request.folder / RECORD_FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    if not isinstance(record, dict) or record.get("uri") != request.uri:
        return None
    found = digest.of_folder(request.folder)
    return found if found == record.get("digest") else None


def _record(request: Request, found: str) -> None:
    path = request.folder / RECORD_FILE
    new = path.with_suffix(".new")
    new.write_bytes(orjson.dumps({"uri": request.uri, "digest": found}))
    new.replace(path)
