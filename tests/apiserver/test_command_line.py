"""kubectl-modelward as a program against a real API server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.cluster import controlplane
from dev.cluster.controlplane import ControlPlane
from modelward.cli.access import Access, Scope
from tests.modeldeployments import VALID
from tests.unit.cli import recorded

pytestmark = pytest.mark.apiserver


class CommandLine:
    """Runs the program with one kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        """Remember the kubeconfig."""
        self.kubeconfig = kubeconfig

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command and return what it printed."""
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        command = [sys.executable, "-m", "modelward.cli.main", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    def said(self, *arguments: str) -> str:
        """Run a command that must succeed."""
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        """Run a command that must fail with a text instead of a traceback."""
        done = self(*arguments)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        # A terminal's width decides where lines break.
        return " ".join(done.stderr.split())


@pytest.fixture
def command(api_server: ControlPlane) -> CommandLine:
    """Return the program with the administrator's kubeconfig."""
    return CommandLine(api_server.kubeconfig)


def create(api_server: ControlPlane, namespace: str, name: str, status: dict[str, Any] | None = None) -> None:
    """Make a ModelDeployment, with a status if one is given."""
    manifest = {**VALID, "metadata": {"name": name, "namespace": namespace}}
    api_server.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(manifest))
    if status is not None:
        patch = json.dumps({"status": status})
        api_server.kubectl(
            *("patch", "mdep", name, "--namespace", namespace, "--subresource=status"),
            *("--type=merge", "--patch", patch),
        )


def test_status_lists_a_namespace(api_server: ControlPlane, namespace: str, command: CommandLine) -> None:
    """The list has a line for each deployment of the namespace and no other."""
    create(api_server, namespace, "electricity", recorded.STEPPING["status"])
    create(api_server, namespace, "weather")
    lines = command.said("status", "-n", namespace).splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["electricity", "weather"]
    assert "67% / 33%" in lines[1]


def test_status_of_all_namespaces_has_this_one(
    api_server: ControlPlane, namespace: str, command: CommandLine
) -> None:
    """-A finds deployments wherever they are."""
    create(api_server, namespace, "electricity")
    assert namespace in command.said("status", "-A")


def test_status_of_one_shows_its_objectives(
    api_server: ControlPlane, namespace: str, command: CommandLine
) -> None:
    """A named deployment is shown in full, from the status that the API server stores."""
    create(api_server, namespace, "electricity", recorded.STEPPING["status"])
    text = command.said("status", "electricity", "-n", namespace)
    assert "590 / 1,000" in text
    assert recorded.CANDIDATE in text


def test_explain_tells_a_rejection(api_server: ControlPlane, namespace: str, command: CommandLine) -> None:
    """Explain says what was rejected, with the numbers."""
    create(api_server, namespace, "electricity", recorded.REJECTED["status"])
    text = command.said("explain", "electricity", "-n", namespace)
    assert f"{recorded.CANDIDATE}" in text
    assert "420 of 1000 bad (42.00%) while stable had 430 of 2000 bad" in text


def test_json_and_yaml_are_the_stored_object(
    api_server: ControlPlane, namespace: str, command: CommandLine
) -> None:
    """Scripts get the object itself for one name, and a List otherwise."""
    create(api_server, namespace, "electricity", recorded.STEPPING["status"])
    one = json.loads(command.said("status", "electricity", "-n", namespace, "-o", "json"))
    assert one["status"]["weight"] == 33
    assert one["kind"] == "ModelDeployment"
    several = yaml.safe_load(command.said("status", "-n", namespace, "-o", "yaml"))
    assert several["kind"] == "List"
    assert several["items"] == [one]
    sections = json.loads(command.said("explain", "electricity", "-n", namespace, "-o", "json"))
    assert sections[0]["title"] == "What serves"


def test_an_unknown_name_is_answered_with_near_ones(
    api_server: ControlPlane, namespace: str, command: CommandLine
) -> None:
    """A misspelt name is met with the names like it."""
    create(api_server, namespace, "electricity")
    error = command.refused("explain", "elektricity", "-n", namespace)
    assert f"no ModelDeployment 'elektricity' in namespace '{namespace}'" in error
    assert "Did you mean electricity?" in error


def test_a_name_of_another_namespace_is_answered_with_that(
    api_server: ControlPlane, namespace: str, command: CommandLine
) -> None:
    """A name that exists elsewhere is met with where."""
    name = f"only-{namespace[-8:]}"
    create(api_server, namespace, name)
    error = command.refused("status", name, "-n", "default")
    assert f"There is one in namespace '{namespace}': add -n {namespace}" in error


def test_no_access_names_the_verbs_to_ask_for(
    api_server: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    """A user who may read nothing is told what to ask for."""
    token = api_server.kubectl("create", "token", "default", "--namespace", namespace).stdout.strip()
    config = yaml.safe_load(api_server.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    error = CommandLine(kubeconfig).refused("status", "-n", namespace)
    assert "no access to modeldeployments.modelward.dev (403)" in error
    assert f"system:serviceaccount:{namespace}:default" in error
    assert "get, list and watch" in error


def test_wrong_credentials_say_so(api_server: ControlPlane, tmp_path: Path) -> None:
    """Credentials that are not accepted are told apart from missing rights."""
    config = yaml.safe_load(api_server.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": "made-up"}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    assert "credentials are refused (401)" in CommandLine(kubeconfig).refused("status")


@pytest.fixture(scope="module")
def bare_api_server() -> Iterator[ControlPlane]:
    """Run an API server on which modelward is not installed."""
    with controlplane.temporary() as plane:
        yield plane


def test_without_the_definition_it_says_not_installed(bare_api_server: ControlPlane) -> None:
    """A cluster without modelward is told apart from an empty one."""
    error = CommandLine(bare_api_server.kubeconfig).refused("status")
    assert "modelward is not installed in this cluster" in error
    assert "helm install" in error


def test_an_unreachable_server_is_named(api_server: ControlPlane, tmp_path: Path) -> None:
    """When nothing answers, the address that was tried is in the error."""
    config = yaml.safe_load(api_server.kubeconfig.read_text())
    (port,) = controlplane.free_ports(1)
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    assert f"cannot reach the API server at https://127.0.0.1:{port}" in CommandLine(kubeconfig).refused(
        "status"
    )


def test_a_missing_kubeconfig_and_context_are_named(api_server: ControlPlane, tmp_path: Path) -> None:
    """What is wrong with the kubeconfig is said, with the options that choose another."""
    assert "cannot use the kubeconfig" in CommandLine(tmp_path / "none").refused("status")
    error = CommandLine(api_server.kubeconfig).refused("status", "--context", "moon")
    assert "moon" in error
    assert "--context" in error


def test_it_is_a_kubectl_plugin(api_server: ControlPlane, namespace: str) -> None:
    """`kubectl modelward` finds the installed program and hands it its arguments."""
    create(api_server, namespace, "electricity")
    search = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "KUBECONFIG": str(api_server.kubeconfig), "PATH": search}
    command = [str(api_server.client.program), "modelward", "status", "-n", namespace]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "electricity" in done.stdout


def test_contradicting_options_are_refused(command: CommandLine) -> None:
    """Options that exclude each other are refused, not ignored."""
    assert "leave out 'electricity'" in command.refused("status", "electricity", "-A")
    assert "leave out --watch or -o json" in command.refused("status", "--watch", "-o", "json")


def test_follow_yields_each_change(api_server: ControlPlane, namespace: str) -> None:
    """A watcher sees an object appear, change and go."""
    changes = Access(str(api_server.kubeconfig), None).follow(Scope(namespace))
    assert next(changes) == ()
    create(api_server, namespace, "electricity")
    (deployment,) = next(changes)
    assert deployment.name == "electricity"
    create(api_server, namespace, "electricity", recorded.STEPPING["status"])
    (deployment,) = next(changes)
    assert deployment.status.weight == 33
    api_server.kubectl("delete", "mdep", "electricity", "--namespace", namespace)
    assert next(changes) == ()
