"""The container's termination message (at most 4 KiB), from where the operator reads how the fetch went."""

from pathlib import Path
from typing import Final

import orjson

from modelward.storage.failure import FetchError
from modelward.storage.fetch import Fetched
from modelward.storage.log import say

MAX_MESSAGE_CHARACTERS: Final = 3000


def write(path: Path, result: Fetched | FetchError) -> None:
    """Write {"digest", "bytes", "files", "seconds"} or {"reason", "message"}; logs a failure to."""
    message: dict[str, object]
    if isinstance(result, FetchError):
        message = {"reason": result.reason.value, "message": str(result)[:MAX_MESSAGE_CHARACTERS]}
    else:
        message = {
            "digest": result.digest,
            "bytes": result.bytes,
            "files": result.files,
            "seconds": result.seconds,
        }
    try:
        path.write_bytes(orjson.dumps(message))
    except OSError as error:
        say("warning", "no termination message was written", path=str(path), cause=error.strerror)
