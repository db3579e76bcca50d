"""Requests of a test as the API server's administrator, without a process of kubectl for each."""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any, Final

from dev.cluster.controlplane import ControlPlane
from dev.manifests import NAMESPACE

LIMIT_SECONDS: Final = 30


def ask(plane: ControlPlane, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    """Send one request; return the status of the answer and its JSON object, a refusal's as well."""
    request = urllib.request.Request(
        plane.url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {plane.token}", "Content-Type": "application/json"},
    )
    trusted = ssl.create_default_context(cafile=plane.ca_file)
    try:
        with urllib.request.urlopen(request, context=trusted, timeout=LIMIT_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def operator_may(plane: ControlPlane, verb: str, what: str, namespace: str) -> bool:
    """Ask whether the chart's operator may do something to RESOURCE[.GROUP][:SUBRESOURCE][/NAME]."""
    what, _, name = what.partition("/")
    what, _, subresource = what.partition(":")
    resource, _, group = what.partition(".")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{NAMESPACE}:modelward",
            "groups": ["system:serviceaccounts", "system:authenticated"],
            "resourceAttributes": {**attributes, "subresource": subresource, "name": name},
        },
    }
    _, answer = ask(plane, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])
