"""From the cache to what a decision is made from: the pods of each revision, what is wrong with them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from modelward import conventions as names
from modelward.control import kinds, podproblems
from modelward.control.cache import Cache
from modelward.control.client import Manifest
from modelward.control.monitors import Reading
from modelward.decide.observation import Commands, Problem, ProblemReason, RevisionObservation
from modelward.signals.key import Key


@dataclass(frozen=True, slots=True)
class PodsOfRevision:
    """One revision, its digest as recorded, and its pods that have not ended."""

    name: str
    recorded_digest: str
    pods: tuple[Manifest, ...]
    create_failure: str
    """What the Deployment says of pods that the API server refused; empty if it took them."""

    @property
    def reported_digests(self) -> frozenset[str]:
        """Return the digests that fetch containers of these pods reported."""
        return frozenset(digest for pod in self.pods if (digest := podproblems.reported_digest(pod)))


def revisions(cache: Cache, key: Key, traffic: Collection[str] = ()) -> dict[str, PodsOfRevision]:
    """Return every revision that has a ControllerRevision, and those in `traffic` all the same, by name."""
    pods: dict[str, list[Manifest]] = {}
    for record in cache.of(key, kinds.POD):
        pod = record.manifest()
        if not podproblems.has_ended(pod):
            pods.setdefault(record.revision, []).append(pod)
    digests = dict.fromkeys(traffic, "")
    for record in cache.of(key, kinds.CONTROLLER_REVISION):
        annotations = record.manifest()["metadata"].get("annotations") or {}
        digests[record.name] = annotations.get(names.ANNOTATION_MODEL_DIGEST, "")
    return {
        name: PodsOfRevision(
            name=name,
            recorded_digest=digest,
            pods=tuple(sorted(pods.get(name, ()), key=lambda pod: str(pod["metadata"]["name"]))),
            create_failure=_create_failure(cache, key, name),
        )
        for name, digest in digests.items()
    }


def observe(revision: PodsOfRevision, readings: Mapping[str, Reading]) -> RevisionObservation:
    """Sum up one revision's pods; `readings` are those of monitors by the uid of their pod."""
    running = [pod for pod in revision.pods if pod["status"]["podIP"] and pod["status"]["phase"] == "Running"]
    read = [readings[uid] for pod in running if (uid := pod["metadata"]["uid"]) in readings]
    all_read = bool(read) and len(read) == len(running)
    is_quiet = all(reading.in_flight == 0 for reading in read)
    return RevisionObservation(
        pods=len(revision.pods),
        ready=sum(podproblems.is_ready(pod) for pod in revision.pods),
        problem=_problem(revision),
        informed_generation=min(reading.generation for reading in read) if all_read else -1,
        # A request still being answered may yet be followed by one that was pipelined behind it, so the
        # counter is not taken to stand still before nothing is in flight.
        requests=sum(reading.requests_total for reading in read) if all_read and is_quiet else None,
    )


def commands(deployment: Manifest) -> Commands:
    """Return what a person asked for by annotation."""
    annotations = deployment["metadata"].get("annotations") or {}
    return Commands(
        retry=annotations.get(names.ANNOTATION_RETRY, ""),
        abort=annotations.get(names.ANNOTATION_ABORT, ""),
        undo=annotations.get(names.ANNOTATION_UNDO, ""),
    )


def _problem(revision: PodsOfRevision) -> Problem | None:
    problems = [problem for pod in revision.pods if (problem := podproblems.problem_of(pod))]
    known = revision.reported_digests | ({revision.recorded_digest} - {""})
    if len(known) > 1:
        text = ", ".join(sorted(known))
        message = (
            f"the model at its URI was overwritten: pods of one revision fetched different contents ({text})"
        )
        problems.append(Problem(ProblemReason.DIGEST_MISMATCH, message))
    if revision.create_failure:
        problems.append(Problem(ProblemReason.CREATE_FAILED, revision.create_failure))
    return podproblems.gravest(problems)


def _create_failure(cache: Cache, key: Key, revision: str) -> str:
    workload = cache.get(key, kinds.DEPLOYMENT, revision)
    status = (workload.manifest().get("status") or {}) if workload else {}
    for condition in status.get("conditions") or ():
        if condition["status"] == "True":
            return str(condition.get("message", condition["type"]))
    return ""
