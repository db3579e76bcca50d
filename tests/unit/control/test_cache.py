"""The cache: what counts as a change, and what is newer than what."""

from typing import Any

from modelward.control import kinds
from modelward.control.cache import Cache
from modelward.signals.key import Key

KEY = Key("ns", "model")


def service(
    version: int, *, name: str = "model", owner: str = "model", port: int = 80, **metadata: Any
) -> dict[str, Any]:
    """Make a Service as the API server sends it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "namespace": "ns",
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            "labels": {"modelward.dev/deployment": owner},
            "managedFields": [{"manager": "someone", "time": f"time-{version}"}],
            **metadata,
        },
        "spec": {"ports": [{"port": port}]},
        "status": {"loadBalancer": {"version": version}},
    }


def deployment(version: int) -> dict[str, Any]:
    """Make a ModelDeployment as the API server sends it."""
    metadata = {"namespace": "ns", "name": "model", "uid": "uid", "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": {"replicas": 1}, "status": {"phase": "Serving"}}


def test_first_sight_and_change_wake_but_repetition_does_not() -> None:
    """An object wakes its deployment when it says something new; managedFields and status say nothing."""
    cache = Cache()
    assert cache.put(kinds.SERVICE, service(1)) == KEY
    assert cache.put(kinds.SERVICE, service(2)) is None
    assert cache.put(kinds.SERVICE, service(3, port=81)) == KEY
    record = cache.get(KEY, kinds.SERVICE, "model")
    assert record is not None
    assert record.resource_version == 3
    assert record.manifest()["spec"] == {"ports": [{"port": 81}]}
    assert "managedFields" not in record.manifest()["metadata"]


def test_older_state_is_ignored() -> None:
    """A watch that lags behind our own write does not undo it, nor does a deletion of an earlier object."""
    cache = Cache()
    cache.put(kinds.SERVICE, service(5, port=85))
    assert cache.put(kinds.SERVICE, service(4, port=84)) is None
    assert cache.drop(kinds.SERVICE, "ns", "model", 4) is None
    record = cache.get(KEY, kinds.SERVICE, "model")
    assert record is not None
    assert record.resource_version == 5


def test_deletion_wakes_and_forgets() -> None:
    """A deleted object is gone and its deployment woken; a second deletion is nothing."""
    cache = Cache()
    cache.put(kinds.SERVICE, service(1))
    assert cache.drop(kinds.SERVICE, "ns", "model", 2) == KEY
    assert cache.get(KEY, kinds.SERVICE, "model") is None
    assert cache.drop(kinds.SERVICE, "ns", "model", 3) is None


def test_object_without_the_label_is_nobodys() -> None:
    """An object that belongs to no deployment is not kept."""
    cache = Cache()
    assert cache.put(kinds.SERVICE, service(1, labels={})) is None
    assert list(cache.of(KEY, kinds.SERVICE)) == []


def test_object_that_changes_hands_is_found_under_its_new_owner_only() -> None:
    """The label says whose an object is, also when it changes."""
    cache = Cache()
    cache.put(kinds.SERVICE, service(1))
    assert cache.put(kinds.SERVICE, service(2, owner="other")) == Key("ns", "other")
    assert list(cache.of(KEY, kinds.SERVICE)) == []
    assert [record.name for record in cache.of(Key("ns", "other"), kinds.SERVICE)] == ["model"]


def test_full_list_repairs_a_missed_deletion_but_not_a_later_creation() -> None:
    """What a list at version 10 does not have is gone, unless it was made after version 10."""
    cache = Cache()
    cache.put(kinds.SERVICE, service(1, name="gone"))
    cache.put(kinds.SERVICE, service(2, name="kept"))
    cache.put(kinds.SERVICE, service(11, name="younger"))
    assert cache.keep_only(kinds.SERVICE, "", {("ns", "kept")}, 10) == {KEY}
    assert sorted(record.name for record in cache.of(KEY, kinds.SERVICE)) == ["kept", "younger"]


def test_keys_are_deployments_that_exist() -> None:
    """Children of a deployment that is gone do not make it exist."""
    cache = Cache()
    cache.put(kinds.SERVICE, service(1))
    assert cache.deployments() == []
    cache.put(kinds.MODEL_DEPLOYMENT, deployment(2))
    assert cache.deployments() == [KEY]


def test_status_of_a_deployment_is_kept() -> None:
    """A ModelDeployment's own status is what decisions are made from."""
    cache = Cache()
    cache.put(kinds.MODEL_DEPLOYMENT, deployment(1))
    record = cache.get(KEY, kinds.MODEL_DEPLOYMENT, "model")
    assert record is not None
    assert record.manifest()["status"] == {"phase": "Serving"}
