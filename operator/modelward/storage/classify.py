"""Which reason of a failed fetch the errors of the stores' clients mean."""

import errno
from typing import Final

from aiohttp import ClientError, ClientResponseError
from botocore.exceptions import (
    BotoCoreError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import (
    ClientError as S3ClientError,
)

from modelward.storage.failure import FetchError, Reason, access_denied, first_line, not_found

_GONE: Final = frozenset({404, 410})


def underlying(error: Exception) -> Exception:
    """What went wrong: fsspec calls every failure of an HTTP server a missing file, and keeps the cause."""
    cause = error.__cause__
    if (
        isinstance(error, FileNotFoundError)
        and isinstance(cause, ClientError)
        and _status(cause) not in _GONE
    ):
        return cause
    return error


def classify(error: Exception, uri: str) -> FetchError | None:
    """What `error` means for the fetch of `uri`; None when trying again may help."""
    if isinstance(error, FetchError):
        return error
    if isinstance(error, FileNotFoundError):
        return not_found(uri)
    refused = isinstance(error, (PermissionError, NoCredentialsError, PartialCredentialsError))
    if refused or _status(error) in {401, 403}:
        return access_denied(uri, first_line(error))
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return FetchError(Reason.NO_SPACE, f"{uri} does not fit on the volume: {error.strerror}")
    if isinstance(error, (OSError, ClientError, BotoCoreError, S3ClientError, EOFError, TimeoutError)):
        return None
    return FetchError(Reason.UNREACHABLE, f"{uri}: {type(error).__name__}: {first_line(error)}")


def _status(error: Exception) -> int | None:
    """The HTTP status that a store answered with, if it is known."""
    if isinstance(error, ClientResponseError):
        return error.status
    if isinstance(error, S3ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status if isinstance(status, int) else None
    return None
