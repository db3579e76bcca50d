"""Why a fetch fails: the reasons that the operator reports, and their texts. Loads no store's client."""

from enum import StrEnum


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


def not_found(uri: str) -> FetchError:
    """Nothing is there."""
    return FetchError(Reason.NOT_FOUND, f"nothing is at {uri}; check spec.model.uri")


def access_denied(uri: str, said: str) -> FetchError:
    """The store refuses, with what it `said`."""
    message = (
        f"{uri}: access denied ({said}); "
        "check the credentials in the secret that spec.model.storageSecretName names"
    )
    return FetchError(Reason.ACCESS_DENIED, message)


def first_line(error: Exception) -> str:
    """The first line of an error's text; its type where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
