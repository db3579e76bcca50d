"""Deletions that the API server refuses: noted, tried again later, and in nothing else's way."""

from dataclasses import dataclass, field
from typing import Final, cast

import pytest

from modelward import conventions as names
from modelward.control import kinds
from modelward.control.apply import Applier
from modelward.control.cache import Cache, Record
from modelward.control.client import ApiError, Client
from modelward.control.kinds import Kind
from modelward.control.refusals import Refusals
from modelward.control.revisions import Revisions
from modelward.render.identity import DeploymentIdentity
from modelward.render.revision import controller_revision, new_record
from modelward.signals.key import Key
from tests.unit.render import cases

KEY: Final = Key("shops", "shop")
OWNER: Final = DeploymentIdentity("shop", "shops", "owner")
FORBIDDEN: Final = ApiError(403, "Forbidden", "not here")
SPEC: Final = cases.read({**cases.MINIMAL, "revisionHistoryLimit": 1})


@dataclass
class Server:
    """An API server that answers each deletion of a kind with an error, if it is told to."""

    errors: dict[Kind, ApiError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def delete(self, kind: Kind, _namespace: str, name: str, _uid: str) -> None:
        """Delete one."""
        self.asked.append(f"{kind.name} {name}")
        if kind in self.errors:
            raise self.errors[kind]


def cached(*kinds_of: Kind) -> tuple[Cache, str]:
    """Return a cache with one revision and objects of other kinds of its name, and that name."""
    cache, record = Cache(), new_record(OWNER, SPEC, 1, cases.IMAGES)
    stored = controller_revision(OWNER, record)
    metadata = {**stored["metadata"], "uid": "u", "resourceVersion": "1"}
    cache.put(kinds.CONTROLLER_REVISION, {**stored, "metadata": metadata})
    for kind in kinds_of:
        cache.put(kind, {"metadata": metadata})
    return cache, record.name


def pods_file(cache: Cache, name: str) -> Record:
    """Return the ConfigMap of a revision."""
    found = cache.get(KEY, kinds.CONFIG_MAP, name)
    assert found is not None
    return found


@pytest.mark.parametrize("error", [FORBIDDEN, ApiError(422, "Invalid", "no"), ApiError(500, "", "broken")])
async def test_a_refused_deletion_is_noted_and_not_sent_again_at_once(error: ApiError) -> None:
    """What the API server says is kept until its wait is over."""
    cache, name = cached(kinds.CONFIG_MAP)
    server, refusals = Server({kinds.CONFIG_MAP: error}), Refusals()
    applier = Applier(cast("Client", server), cache)
    for _ in range(2):
        assert not await applier.delete(KEY, pods_file(cache, name), refusals)
    assert server.asked == [f"ConfigMap {name}"]
    assert [what for what, _ in refusals.errors] == [f"the deletion of ConfigMap {name}"] * 2
    assert refusals.again_in is not None
    told = f"the deletion of ConfigMap {name}: {error.message}" if error.is_refusal else ""
    assert refusals.message == told


@pytest.mark.parametrize("status", [404, 409])
async def test_what_is_gone_or_made_anew_is_deleted(status: int) -> None:
    """Neither is an error."""
    cache, name = cached(kinds.CONFIG_MAP)
    server, refusals = Server({kinds.CONFIG_MAP: ApiError(status, "", "no")}), Refusals()
    assert await Applier(cast("Client", server), cache).delete(KEY, pods_file(cache, name), refusals)
    assert refusals.errors == []


async def test_an_object_that_has_changed_is_deleted_at_once() -> None:
    """What was in the way of its deletion may be in it no more."""
    cache, name = cached(kinds.CONFIG_MAP)
    server, refusals = Server({kinds.CONFIG_MAP: FORBIDDEN}), Refusals()
    applier = Applier(cast("Client", server), cache)
    await applier.delete(KEY, pods_file(cache, name), refusals)
    labels = {names.LABEL_DEPLOYMENT: KEY.name, "free": "yes"}
    changed = {"name": name, "namespace": "shops", "uid": "u", "resourceVersion": "2", "labels": labels}
    cache.put(kinds.CONFIG_MAP, {"metadata": changed})
    await applier.delete(KEY, pods_file(cache, name), refusals)
    assert len(server.asked) == 2


async def test_a_revision_stays_as_long_as_something_of_it_does() -> None:
    """Else nothing would know of what is left, once it may be deleted."""
    cache, name = cached(kinds.DEPLOYMENT, kinds.SERVICE)
    later = controller_revision(OWNER, new_record(OWNER, cases.read(cases.FULL), 2, cases.IMAGES))
    cache.put(
        kinds.CONTROLLER_REVISION,
        {**later, "metadata": {**later["metadata"], "uid": "v", "resourceVersion": "2"}},
    )
    server, refusals = Server({kinds.SERVICE: FORBIDDEN}), Refusals()
    applier = Applier(cast("Client", server), cache)
    await Revisions(cache, applier, cases.IMAGES).prune(KEY, SPEC, set(), refusals)
    assert server.asked == [f"Deployment {name}", f"Service {name}"]
    assert refusals.message == f"the deletion of Service {name}: not here"
