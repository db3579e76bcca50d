"""Why a fetch fails: the reasons that the operator reports, and which of a store's errors mean them."""

import errno
from enum import StrEnum
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

_GONE: Final = frozenset({404, 410})


class Reason(StrEnum):
    """One word per cause; part of the termination message."""

    NOT_FOUND = "NotFound"
    """Nothing is at the URI, or nothing under the prefix."""
    ACCESS_DENIED = "AccessDenied"
    """The store refuses the credentials, or wants some."""
    UNREACHABLE = "Unreachable"
    """The store did not answer, or brought nothing new, for as long as it is tried."""
    NO_SPACE = "NoSpace"
    """The model does not fit on the pod's volume."""
    UNSUPPORTED = "Unsupported"
    """The URI, or a name below it, can't be fetched."""
    DIGEST_MISMATCH = "DigestMismatch"
    """The content is not what the revision recorded: the model was overwritten at its URI."""


class FetchError(Exception):
    """The fetch failed; the text says what was wrong, where, and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


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
        return FetchError(Reason.NOT_FOUND, f"nothing is at {uri}; check spec.model.uri")
    refused = isinstance(error, (PermissionError, NoCredentialsError, PartialCredentialsError))
    if refused or _status(error) in {401, 403}:
        message = (
            f"{uri}: access denied ({first_line(error)}); "
            "check the credentials in the secret that spec.model.storageSecretName names"
        )
        return FetchError(Reason.ACCESS_DENIED, message)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return FetchError(Reason.NO_SPACE, f"{uri} does not fit on the volume: {error.strerror}")
    if isinstance(error, (OSError, ClientError, BotoCoreError, S3ClientError, EOFError, TimeoutError)):
        return None
    return FetchError(Reason.UNREACHABLE, f"{uri}: {type(error).__name__}: {first_line(error)}")


def first_line(error: Exception) -> str:
    """The first line of an error's text; its type where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _status(error: Exception) -> int | None:
    """The HTTP status that a store answered with, if it is known."""
    if isinstance(error, ClientResponseError):
        return error.status
    if isinstance(error, S3ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status if isinstance(status, int) else None
    return None
