"""What kind of events an objective counts, and the hash of that definition."""

import hashlib
from enum import StrEnum

import orjson

from modelward.api.spec import Objective


class ObjectiveKind(StrEnum):
    """What makes an event good."""

    LATENCY = "latency"
    AVAILABILITY = "availability"
    ACCURACY = "accuracy"


def kind_of(objective: Objective) -> ObjectiveKind:
    """Return which of the exclusive fields is set; raises ValueError if it is not exactly one."""
    kinds = [kind for kind in ObjectiveKind if getattr(objective, kind.value) is not None]
    if len(kinds) != 1:
        msg = (
            f"objective {objective.name!r} has {len(kinds)} kinds; "
            "write exactly one of latency, availability and accuracy"
        )
        raise ValueError(msg)
    return kinds[0]


def event_config(objective: Objective) -> str:
    """Return a short hash of what makes an event good; the target is no part of it.

    It is the `config` label of the event counters: evidence reads only the current one, so a changed
    definition starts anew, while a changed target is judged from the same counts.
    """
    kind = kind_of(objective)
    definition = getattr(objective, kind.value).model_dump(mode="json", by_alias=True)
    return hashlib.sha256(orjson.dumps([kind.value, definition], option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
