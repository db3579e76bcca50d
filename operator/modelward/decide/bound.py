"""Keeps a status small: the API server and every watcher hold a copy of it."""

from collections.abc import Iterator
from typing import Final

from modelward.api.status import ModelDeploymentStatus

MAX_BYTES: Final = 16 * 1024


def bounded(status: ModelDeploymentStatus) -> ModelDeploymentStatus:
    """Return a status of at most `MAX_BYTES` as JSON: what was said longest ago and weighs least goes first.

    First the oldest messages of what was decided, but the newest of each list; then the evidence of the last
    decision, least weight first. What has no bound of its own is only these, so that the rest always fits.
    """
    for smaller in _shortened(status):
        status = smaller
        if len(status.model_dump_json(by_alias=True).encode()) <= MAX_BYTES:
            break
    return status


def _shortened(status: ModelDeploymentStatus) -> Iterator[ModelDeploymentStatus]:
    """Yield the status as it is, and then each time with a little less."""
    yield status
    for field in ("history", "rejected_revisions"):
        entries = getattr(status, field)
        for index in reversed(range(1, len(entries))):
            emptied = entries[index].model_copy(update={"message": ""})
            entries = (*entries[:index], emptied, *entries[index + 1 :])
            status = status.model_copy(update={field: entries})
            yield status
    while status.last_decision and status.last_decision.evidence:
        less = status.last_decision.model_copy(update={"evidence": status.last_decision.evidence[:-1]})
        status = status.model_copy(update={"last_decision": less})
        yield status
