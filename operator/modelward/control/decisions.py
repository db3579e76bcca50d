"""Keeps the records of decisions in ConfigMap NAME-decisions.

A decision's record is written into the status together with the decision, and from there into the ConfigMap.
What is in the status and not yet in the ConfigMap is added at the beginning of the next reconcile, before
another decision can take its place; so a crash at any line loses none and doubles none.
"""

from modelward.api.status import DecisionRecord
from modelward.control import kinds
from modelward.control.apply import Applier, NotOursError
from modelward.control.refusals import LONGEST_RETRY, Refusals, RefusedError
from modelward.render.decisions import decisions, decisions_name, record_key
from modelward.render.identity import DeploymentIdentity
from modelward.signals.key import Key


async def keep(
    applier: Applier,
    key: Key,
    identity: DeploymentIdentity,
    record: DecisionRecord | None,
    refusals: Refusals,
) -> None:
    """Add a record to the ConfigMap unless it is there.

    Where the API server refuses the ConfigMap, or one of that name belongs to someone else, that is noted and
    nothing waits for it: a rollback is worth more than its record, which is in status, in an Event and in the
    log.

    Raises:
        ApiError: the API server could not be asked.
    """
    if record is None:
        return
    name = decisions_name(key.name)
    try:
        found = await applier.find(key, kinds.CONFIG_MAP, name)
    except NotOursError as error:
        refusals.note(f"{kinds.CONFIG_MAP.name} {name}", RefusedError(error, LONGEST_RETRY))
        return
    known = (found.manifest().get("data") or {}) if found else {}
    if record_key(record) in known:
        return
    manifest = decisions(identity, known, record)
    with refusals.of_manifest(manifest):
        await applier.apply(key, manifest)
