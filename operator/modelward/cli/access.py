"""Reads ModelDeployments from the API server and turns its refusals into advice."""

import difflib
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import urllib3
from kubernetes import client, config, watch
from kubernetes.config.config_exception import ConfigException

from modelward import conventions
from modelward.api.status import DecisionRecord
from modelward.cli.decisions import read_records
from modelward.cli.failure import CommandError
from modelward.cli.resource import Deployment, read
from modelward.render.decisions import decisions_name

_TIMEOUT_SECONDS: Final = 10
_WATCH_SECONDS: Final = 300
"""The server ends a watch after this long; it is taken up again."""
_GONE: Final = 410
_TYPE: Final = f"{conventions.PLURAL}.{conventions.GROUP}"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which ModelDeployments are meant."""

    namespace: str | None
    """None: those of all namespaces."""
    name: str | None = None
    """None: all in the namespace."""


class Access:
    """ModelDeployments behind one context of a kubeconfig."""

    def __init__(self, kubeconfig: str | None, context: str | None) -> None:
        """Read the kubeconfig; raises CommandError if it cannot be used."""
        try:
            settings = client.Configuration()
            config.load_kube_config(kubeconfig, context, client_configuration=settings, persist_config=False)
            contexts, current = config.list_kube_config_contexts(kubeconfig)
        except (ConfigException, OSError) as error:
            advice = "Set KUBECONFIG, or give --kubeconfig and --context."
            raise CommandError(f"cannot use the kubeconfig: {error}\n{advice}") from error
        settings.retries = False
        chosen = next((each for each in contexts if each["name"] == context), current)
        self.namespace: str = chosen["context"].get("namespace", "default")
        """Namespace of the context, for commands that name none."""
        self._url: str = settings.host
        self.api: Final = client.ApiClient(settings)
        """The connection, for commands that read more than ModelDeployments."""
        self._api = client.CustomObjectsApi(self.api)

    def list(self, scope: Scope) -> tuple[Deployment, ...]:
        """Return the deployments in `scope` by namespace and name.

        Raises:
            CommandError: the server cannot be reached or refuses, or `scope.name` does not exist.
        """
        items = self._fetch(scope)["items"]
        found = sorted((read(item) for item in items), key=lambda each: (each.namespace, each.name))
        if scope.name is not None and not found:
            raise CommandError(self._not_found(scope))
        return tuple(found)

    def decisions(self, deployment: Deployment) -> tuple[DecisionRecord, ...]:
        """Return the records of a deployment's decisions, newest first.

        Whoever may not read its ConfigMap gets the newest alone, which is in status too.
        """
        name = decisions_name(deployment.name)
        try:
            found = client.CoreV1Api(self.api).read_namespaced_config_map(
                name, deployment.namespace, _request_timeout=_TIMEOUT_SECONDS
            )
        except (client.ApiException, urllib3.exceptions.HTTPError):
            return read_records({}, deployment.status.last_decision)
        return read_records(found.data or {}, deployment.status.last_decision)

    def follow(self, scope: Scope) -> Iterator[tuple[Deployment, ...]]:
        """Yield what `list` returns, now and after each change, until the caller stops.

        Raises:
            CommandError: as `list`.
        """
        while True:
            answer = self._fetch(scope)
            known = {_key(item): read(item) for item in answer["items"]}
            yield tuple(known[key] for key in sorted(known))
            for event in self._changes(scope, answer["metadata"]["resourceVersion"]):
                item = event["object"]
                if event["type"] == "DELETED":
                    known.pop(_key(item), None)
                elif event["type"] in {"ADDED", "MODIFIED"}:
                    known[_key(item)] = read(item)
                yield tuple(known[key] for key in sorted(known))

    def _fetch(self, scope: Scope) -> dict[str, Any]:
        with self._advice():
            answer: dict[str, Any] = self._api_call(scope)(
                **_selection(scope), _request_timeout=_TIMEOUT_SECONDS
            )
        return answer

    def _changes(self, scope: Scope, resource_version: str) -> Iterator[dict[str, Any]]:
        """Yield watch events until the server ends the watch or its history is gone."""
        stream = watch.Watch()
        try:
            with self._advice():
                yield from stream.stream(
                    self._api_call(scope),
                    **_selection(scope),
                    resource_version=resource_version,
                    timeout_seconds=_WATCH_SECONDS,
                )
        except _HistoryGoneError:
            return
        finally:
            stream.stop()

    def _api_call(self, scope: Scope) -> Any:  # noqa: ANN401 - the client is untyped
        if scope.namespace is None:
            return self._api.list_cluster_custom_object
        return self._api.list_namespaced_custom_object

    @contextmanager
    def _advice(self) -> Iterator[None]:
        """Translate what the client raises."""
        try:
            yield
        except client.ApiException as error:
            if error.status == _GONE:
                raise _HistoryGoneError from error
            raise CommandError(_refusal(error)) from error
        except (urllib3.exceptions.HTTPError, socket.gaierror, OSError) as error:
            message = (
                f"cannot reach the API server at {self._url}: {error}\n"
                "Check that the cluster runs, and the context: kubectl config current-context"
            )
            raise CommandError(message) from error

    def _not_found(self, scope: Scope) -> str:
        """Say that a name does not exist, with the names most like it here, and where it does exist."""
        here = [each.name for each in self.list(Scope(scope.namespace))]
        near = difflib.get_close_matches(str(scope.name), here, n=3)
        lines = [f"no ModelDeployment {scope.name!r} in namespace {scope.namespace!r}."]
        if near:
            lines.append(f"Did you mean {' or '.join(near)}?")
        elif not here:
            lines.append("There is none in that namespace.")
        try:
            elsewhere = [each.namespace for each in self.list(Scope(None)) if each.name == scope.name]
        except CommandError:  # reading the whole cluster may well not be allowed
            elsewhere = []
        lines += [f"There is one in namespace {namespace!r}: add -n {namespace}." for namespace in elsewhere]
        return "\n".join(lines)


class _HistoryGoneError(Exception):
    """The server no longer has the changes since the last list."""


def _selection(scope: Scope) -> dict[str, Any]:
    selection: dict[str, Any] = {
        "group": conventions.GROUP,
        "version": conventions.VERSION,
        "plural": conventions.PLURAL,
    }
    if scope.namespace is not None:
        selection["namespace"] = scope.namespace
    if scope.name is not None:
        selection["field_selector"] = f"metadata.name={scope.name}"
    return selection


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def _refusal(error: client.ApiException) -> str:
    """Say what an HTTP error of the API server means here."""
    match error.status:
        case 401:
            return "these credentials are refused (401): log in again, or choose another --context."
        case 403:
            return (
                f"no access to {_TYPE} (403): {_message(error)}\nAsk for the verbs get, list and watch on it."
            )
        case 404:
            return (
                f"the API server does not know {_TYPE} (404): modelward is not installed in this cluster "
                "(or this is another one).\nInstall it with: helm install modelward helm/modelward"
            )
        case _:
            return f"the API server answered {error.status} {error.reason}: {_message(error)}"


def _message(error: client.ApiException) -> str:
    """Return the message of a metav1.Status, or the whole body if it is something else."""
    try:
        return str(json.loads(error.body or "")["message"])
    except (ValueError, KeyError, TypeError):
        return str(error.body)
