"""The ConfigMap of a deployment's decisions: one record for each, as JSON, the newest twenty."""

from collections.abc import Mapping
from typing import Final

from modelward.api.status import DecisionRecord
from modelward.render.identity import DeploymentIdentity
from modelward.render.manifest import Manifest, deployment_labels, owned, sealed

KEPT: Final = 20
"""Records that are kept."""


def decisions_name(deployment: str) -> str:
    """Return the name of a deployment's ConfigMap of decisions."""
    return f"{deployment}-decisions"


def record_key(record: DecisionRecord) -> str:
    """Return what names a record: its exact time, rule and revision; in order of time if sorted."""
    time = record.time.replace("-", "").replace(":", "")
    return "_".join(part for part in (time, record.rule, record.revision) if part)


def decisions(identity: DeploymentIdentity, known: Mapping[str, str], newest: DecisionRecord) -> Manifest:
    """Return ConfigMap NAME-decisions with one more record.

    Args:
        identity: the deployment.
        known: the records in it so far, by key; one of the same key stays as it is.
        newest: the record to add.
    """
    added = newest.model_dump_json(by_alias=True, exclude_defaults=True)
    records = {record_key(newest): added} | dict(known)
    kept = sorted(records, reverse=True)[:KEPT]
    return sealed(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": owned(
                identity, decisions_name(identity.name), deployment_labels(identity, "decisions")
            ),
            "data": {key: records[key] for key in sorted(kept)},
        }
    )
