"""Every child of one ModelDeployment, from spec, revisions and targets alone."""

from collections.abc import Collection, Mapping

from modelward.api.binning import DriftConfig
from modelward.api.spec import ModelDeploymentSpec
from modelward.decide.placement import Placement, Targets
from modelward.render import monitoring, rules
from modelward.render.config import config_map
from modelward.render.identity import DeploymentIdentity, KeyMaterial, Platform
from modelward.render.manifest import Manifest, sealed
from modelward.render.revision import RevisionRecord, read_inputs
from modelward.render.secret import keys_secret
from modelward.render.services import deployment_service, revision_service
from modelward.render.workload import deployment


def render(  # noqa: PLR0913 - each is a thing of its own that children are made from
    identity: DeploymentIdentity,
    spec: ModelDeploymentSpec,
    records: Mapping[str, RevisionRecord],
    targets: Targets,
    platform: Platform,
    keys: KeyMaterial,
    *,
    drift: DriftConfig | None = None,
) -> tuple[Manifest, ...]:
    """Return the children that should exist, each before what refers to it.

    Args:
        identity: the owner.
        spec: what it asks for now.
        records: by name, every placed revision and every other one whose Deployment exists: that one is
            scaled to 0, and its ConfigMap and Service are left as they are.
        targets: what runs and where traffic goes.
        platform: the cluster and the operator's settings.
        keys: the deployment's secrets.
        drift: the bins of the profile that spec.drift names; None: none is named, or it can't be used.

    Raises:
        KeyError: a placed revision has no record.
        InvalidRevisionError: a record's inputs break a rule of the API.
    """
    placed = {placement.revision: placement for placement in targets.placements}
    children = [keys_secret(identity, keys)]
    for revision, placement in placed.items():
        children += _of_revision(identity, spec, records[revision], placement, targets.generation, drift)
    unplaced = [records[revision] for revision in sorted(records.keys() - placed.keys())]
    children += [deployment(identity, record, 0) for record in unplaced]
    servers = [read_inputs(records[revision])[1] for revision in placed]
    children.append(deployment_service(identity, targets, servers))
    if monitoring.KIND in platform.optional_kinds:
        children.append(monitoring.pod_monitor(identity, platform))
    if rules.KIND in platform.optional_kinds:
        children.append(rules.prometheus_rule(identity, spec, platform, drift))
    return tuple(sealed(child) for child in children)


def _of_revision(
    identity: DeploymentIdentity,
    spec: ModelDeploymentSpec,
    record: RevisionRecord,
    placement: Placement,
    generation: int,
    drift: DriftConfig | None,
) -> list[Manifest]:
    return [
        config_map(identity, spec, record, placement, generation, drift),
        revision_service(identity, record.name, read_inputs(record)[1]),
        deployment(identity, record, placement.replicas),
    ]


def superfluous_revisions(
    records: Collection[RevisionRecord], kept: Collection[str], history_limit: int
) -> tuple[str, ...]:
    """Return the revisions to delete, oldest first: beyond the limit, and nothing refers to them.

    Args:
        records: every revision of the deployment.
        kept: names that stay whatever their age: those placed, wanted or named in status.
        history_limit: how many may remain besides those kept.
    """
    past = [record for record in records if record.name not in kept]
    oldest_first = sorted(past, key=lambda record: (record.number, record.name))
    return tuple(record.name for record in oldest_first[: max(0, len(past) - history_limit)])
