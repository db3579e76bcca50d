"""Reads from the API server what a review is made of, and says what it would not give."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import urllib3
from kubernetes import client

from modelward import conventions as names
from modelward.cli.access import Access
from modelward.cli.failure import CommandError
from modelward.cli.resource import Deployment
from modelward.cli.review.changes import Change, changes
from modelward.cli.review.material import GateReview, Review, gate_review, reviewed_revision, words

_TIMEOUT_SECONDS: Final = 10
_CONFIG_MAP: Final = "configmap/"
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
_ENDS_OF_A_TRIAL: Final = frozenset({"Promoted", "Rejected"})
"""Entries of history that name a former candidate."""
_LIMIT: Final[dict[str, Any]] = {"_request_timeout": _TIMEOUT_SECONDS}


@dataclass(slots=True)
class Sources:
    """What is read with one person's rights."""

    access: Access
    unread: list[str] = field(default_factory=list)

    def review(self, deployment: Deployment, revision: str = "") -> Review:
        """Return the review of a revision; of the one that a person would be asked about if none is named.

        Raises:
            CommandError: there is none yet.
        """
        revision = revision or reviewed_revision(deployment)
        if not revision:
            raise CommandError(
                f"{deployment.name} has no revision yet: look again when its pods have begun to start."
            )
        stable = deployment.status.stable_revision
        compared_with = stable if stable != revision else ""
        person = self._person()
        return Review(
            deployment=deployment,
            revision=revision,
            compared_with=compared_with,
            person=person,
            may_approve=self._may_approve(deployment),
            changes=self._changes(deployment, compared_with, revision),
            gates=self._gates(deployment, revision),
            words=words(self._approvals(deployment), revision),
            decisions=self.access.decisions(deployment),
            unread=tuple(dict.fromkeys(self.unread)),
        )

    def _asked(self, what: str, request: Callable[[], Any]) -> Any:  # noqa: ANN401 - the client is untyped
        """Return what a request gave, or None and why not noted."""
        try:
            return request()
        except client.ApiException as error:
            said = {_NOT_FOUND: "there is none", _FORBIDDEN: "you may not read it"}
            self.unread.append(f"{what}: {said.get(error.status, f'{error.status} {error.reason}')}")
        except urllib3.exceptions.HTTPError as error:
            self.unread.append(f"{what}: {error}")
        return None

    def _person(self) -> str:
        api = client.AuthenticationV1Api(self.access.api)
        answer = self._asked(
            "who you are", lambda: api.create_self_subject_review(client.V1SelfSubjectReview(), **_LIMIT)
        )
        return str(answer.status.user_info.username) if answer else ""

    def _may_approve(self, deployment: Deployment) -> bool:
        attributes = client.V1ResourceAttributes(
            group=names.GROUP,
            resource=names.PLURAL,
            verb=names.VERB_APPROVE,
            namespace=deployment.namespace,
            name=deployment.name,
        )
        spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
        body = client.V1SelfSubjectAccessReview(spec=spec)
        api = client.AuthorizationV1Api(self.access.api)
        answer = self._asked(
            "whether you may approve", lambda: api.create_self_subject_access_review(body, **_LIMIT)
        )
        return bool(answer and answer.status.allowed)

    def _approvals(self, deployment: Deployment) -> list[Mapping[str, Any]]:
        api = client.CustomObjectsApi(self.access.api)
        place = (names.GROUP, names.VERSION, deployment.namespace, names.PLURAL_APPROVAL)
        answer = self._asked(
            "what people said (ModelApprovals)", lambda: api.list_namespaced_custom_object(*place, **_LIMIT)
        )
        return list(answer["items"]) if answer else []

    def _changes(self, deployment: Deployment, before: str, after: str) -> tuple[Change, ...]:
        if not before:
            return ()
        return changes(self._inputs(deployment, before), self._inputs(deployment, after))

    def _inputs(self, deployment: Deployment, revision: str) -> Mapping[str, Any]:
        """Return what a revision's ControllerRevision keeps of spec."""
        api = client.AppsV1Api(self.access.api)
        place = (revision, deployment.namespace)
        found = self._asked(
            f"ControllerRevision {revision}",
            lambda: api.read_namespaced_controller_revision(*place, **_LIMIT),
        )
        digest = (found.metadata.annotations or {}).get(names.ANNOTATION_MODEL_DIGEST) if found else None
        inputs: dict[str, Any] = dict((found.data or {}).get("inputs", {})) if found else {}
        return {**inputs, **({"model digest": digest} if digest else {})}

    def _gates(self, deployment: Deployment, revision: str) -> tuple[GateReview, ...]:
        """Return the gates of the candidate, or of the last one there was."""
        gates = deployment.status.gates if revision == self._gated(deployment) else ()
        places = {gate.report for gate in gates if gate.report.startswith(_CONFIG_MAP)}
        files = {place: self._files(deployment, place.removeprefix(_CONFIG_MAP)) for place in places}
        return tuple(gate_review(gate, files.get(gate.report, {})) for gate in gates)

    def _files(self, deployment: Deployment, name: str) -> dict[str, bytes]:
        api = client.CoreV1Api(self.access.api)
        found = self._asked(
            f"reports of gates (ConfigMap {name})",
            lambda: api.read_namespaced_config_map(name, deployment.namespace, **_LIMIT),
        )
        packed = (found.binary_data or {}) if found else {}
        return {key: base64.b64decode(content) for key, content in packed.items()}

    @staticmethod
    def _gated(deployment: Deployment) -> str:
        """Return the revision that status.gates is about."""
        status = deployment.status
        tried = (entry.revision for entry in status.history if entry.action in _ENDS_OF_A_TRIAL)
        return status.candidate_revision or next(tried, status.stable_revision)
