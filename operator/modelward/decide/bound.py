"""Keeps a status small: the API server and every watcher hold a copy of it."""

from collections.abc import Iterator
from typing import Final

from modelward.api.status import GateResultName, ModelDeploymentStatus

MAX_BYTES: Final = 16 * 1024
_NEWEST: Final = 2
"""Entries of history that stay whatever else is there, beside the promotions, which may be gone back to."""
_TIMED: Final = frozenset({GateResultName.RUNNING, GateResultName.AWAITING})
"""Results of gates that are waited for, each for a limited time."""
_GIST: Final = 128
"""Characters of a message that still say what it is about."""


def bounded(status: ModelDeploymentStatus) -> ModelDeploymentStatus:
    """Return a status of at most `MAX_BYTES` as JSON: what was said longest ago and weighs least goes first.

    First the oldest messages of what was decided, but the newest of each list; then the last decision's
    evidence, least weight first, and its drift; then what is left of messages, cut to their beginnings and
    at last to nothing; then where gates' reports are, and old history. All else has bounds of its own, so
    that the rest always fits.
    """
    for smaller in _shortened(status):
        status = smaller
        if len(status.model_dump_json(by_alias=True, exclude_none=True).encode()) <= MAX_BYTES:
            break
    return status


def _shortened(status: ModelDeploymentStatus) -> Iterator[ModelDeploymentStatus]:
    """Yield the status as it is, and then each time with a little less."""
    yield status
    for field in ("history", "rejected_revisions"):
        for index in reversed(range(1, len(getattr(status, field)))):
            status = _cut(status, field, index, 0)
            yield status
    for field in ("evidence", "drift"):
        while status.last_decision and (listed := getattr(status.last_decision, field)):
            less = status.last_decision.model_copy(update={field: listed[:-1]})
            status = status.model_copy(update={"last_decision": less})
            yield status
    for length in (_GIST, 0):
        for field in ("last_decision", "incident"):
            if said := getattr(status, field):
                shorter = said.model_copy(update={"message": said.message[:length]})
                status = status.model_copy(update={field: shorter})
                yield status
        for field in ("conditions", "history", "rejected_revisions", "gates"):
            for index in range(len(getattr(status, field))):
                status = _cut(status, field, index, length)
                yield status
    yield from _without_what_is_only_told(status)


def _without_what_is_only_told(status: ModelDeploymentStatus) -> Iterator[ModelDeploymentStatus]:
    """Yield the status without what no decision needs: reports and times of gates, old history."""
    for index, gate in enumerate(status.gates):
        times = {} if gate.result in _TIMED else {"started_at": None, "finished_at": None}
        smaller = gate.model_copy(update={"report": "", **times})
        gates = (*status.gates[:index], smaller, *status.gates[index + 1 :])
        status = status.model_copy(update={"gates": gates})
        yield status
    for entry in reversed(status.history[_NEWEST:]):
        if entry.action != "Promoted":
            history = tuple(each for each in status.history if each is not entry)
            status = status.model_copy(update={"history": history})
            yield status


def _cut(status: ModelDeploymentStatus, field: str, index: int, length: int) -> ModelDeploymentStatus:
    """Return the status with so many characters of one message in a list."""
    entries = getattr(status, field)
    shorter = entries[index].model_copy(update={"message": entries[index].message[:length]})
    return status.model_copy(update={field: (*entries[:index], shorter, *entries[index + 1 :])})
