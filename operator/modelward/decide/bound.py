"""Keeps a status small: the API server and every watcher hold a copy of it."""

from typing import Final

from modelward.api.status import ModelDeploymentStatus

MAX_BYTES: Final = 16 * 1024


def bounded(status: ModelDeploymentStatus) -> ModelDeploymentStatus:
    """Return a status of at most `MAX_BYTES` as JSON: the oldest messages of what was decided go first.

    The newest message of each list stays. What has no bound of its own is only these messages, so that the
    rest always fits.
    """
    for field in ("history", "rejected_revisions"):
        entries = getattr(status, field)
        for index in reversed(range(1, len(entries))):
            if len(status.model_dump_json(by_alias=True).encode()) <= MAX_BYTES:
                return status
            emptied = entries[index].model_copy(update={"message": ""})
            entries = (*entries[:index], emptied, *entries[index + 1 :])
            status = status.model_copy(update={field: entries})
    return status
