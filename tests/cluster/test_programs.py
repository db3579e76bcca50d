"""Where the cluster's programs come from, and what makes a new build of one."""

from pathlib import Path

import pytest

from dev.cluster import golang, programs
from dev.cluster.errors import ClusterError
from dev.cluster.paths import SOURCES


def executable(path: Path, output: str) -> Path:
    """Write a program that prints a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def empty_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the test a cache and a PATH of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path


def test_program_of_the_right_minor_is_taken_from_path(empty_machine: Path) -> None:
    """A kube-apiserver of the pinned minor on PATH is used, whatever its patch."""
    placed = executable(empty_machine / "bin" / "kube-apiserver", "Kubernetes v1.35.9")
    assert programs.find("kube-apiserver") == placed


def test_assets_go_before_path(monkeypatch: pytest.MonkeyPatch, empty_machine: Path) -> None:
    """KUBEBUILDER_ASSETS, which a developer sets on purpose, wins over what is on PATH."""
    executable(empty_machine / "bin" / "etcd", "etcd Version: 3.6.1")
    asset = executable(empty_machine / "assets" / "etcd", "etcd Version: 3.6.0")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(asset.parent))
    assert programs.find("etcd") == asset


def test_assets_are_used_without_one_on_path(monkeypatch: pytest.MonkeyPatch, empty_machine: Path) -> None:
    """KUBEBUILDER_ASSETS is looked into where PATH has no such program."""
    asset = executable(empty_machine / "assets" / "etcd", "etcd Version: 3.6.0")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(asset.parent))
    assert programs.find("etcd") == asset


def test_program_of_another_minor_is_passed_over(empty_machine: Path) -> None:
    """Debian's etcd 3.4, which lacks what Kubernetes asks for, is not used; the cache's is."""
    executable(empty_machine / "bin" / "etcd", "etcd Version: 3.4.23")
    kept = executable(programs.cached("etcd"), "etcd Version: 3.6.7")
    assert programs.find("etcd") == kept


def test_image_program_is_never_taken_from_path(empty_machine: Path) -> None:
    """A Prometheus on PATH may need a C library, which its image does not have."""
    executable(empty_machine / "bin" / "prometheus", "prometheus, version 3.5.0")
    kept = executable(programs.cached("prometheus"), "")
    assert programs.find("prometheus") == kept


def test_cache_is_keyed_by_version(empty_machine: Path) -> None:
    """The version is in the cached program's path, so that another version is built anew."""
    assert programs.cached("kubelet").parts[-2:] == ("kubernetes-v1.35.4", "kubelet")
    assert programs.cached("promtool").parts[-2:] == ("prometheus-v3.5.0", "promtool")
    assert programs.cached("kubelet").is_relative_to(empty_machine)


@pytest.mark.parametrize("name", sorted(programs.PROGRAMS))
def test_every_program_has_its_version_and_source(name: str) -> None:
    """Every program's family pins a version in its go.mod, checked by a go.sum where it depends on others."""
    program = programs.PROGRAMS[name]
    assert programs.version(program.family).startswith("v")
    folder = SOURCES / program.family
    assert (folder / "go.sum").exists() == ("require" in (folder / "go.mod").read_text())


def test_module_that_is_not_required_is_named() -> None:
    """A family whose go.mod lacks its module is an error that names the module."""
    with pytest.raises(ClusterError, match=r"does not require example\.org/absent"):
        programs.module_version("module x\n\nrequire example.org/present v1.2.3\n", "example.org/absent")


@pytest.mark.parametrize(
    ("go_mod", "version"),
    [
        ("require example.org/a v1.2.3\n", "v1.2.3"),
        ("require (\n\texample.org/a/b v9.9.9\n\texample.org/a v1.2.3 // indirect\n)\n", "v1.2.3"),
    ],
)
def test_module_version_is_read(go_mod: str, version: str) -> None:
    """Both forms of a require line are understood, and a longer module path is not mistaken for it."""
    assert programs.module_version(go_mod, "example.org/a") == version


@pytest.mark.parametrize(
    ("answer", "fits"),
    [
        ("Kubernetes v1.35.4", True),
        ("Kubernetes v1.35.0-rc.1+abc", True),
        ("Kubernetes v1.3.54", False),
        ("Kubernetes v1.34.9", False),
        ("", False),
    ],
)
def test_versions_fit_by_minor(answer: str, fits: bool) -> None:
    """Major and minor must be equal; an answer without a version never fits."""
    assert programs.same_minor("v1.35.4", answer) is fits


def test_kubernetes_is_told_its_version() -> None:
    """The version is linked in, or clients refuse the server's development version."""
    command = programs.build_command(programs.PROGRAMS["kubelet"], Path("/go"), Path("/target"))
    flags = command[command.index("-ldflags") + 1]
    assert "-X k8s.io/component-base/version.gitVersion=v1.35.4" in flags
    assert "-X k8s.io/component-base/version.gitMinor=35" in flags
    assert {"-trimpath", "-mod=readonly"} <= set(command)


@pytest.mark.parametrize(
    ("text", "version"), [("go1.26.8", (1, 26)), ("go 1.24.0", (1, 24)), ("devel", None), ("", None)]
)
def test_go_version_is_read(text: str, version: tuple[int, int] | None) -> None:
    """What `go env GOVERSION` and a go directive say is compared by major and minor."""
    assert golang.parse_version(text) == version


def test_go_that_is_too_old_is_passed_over(empty_machine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An old Go on PATH is named, and the one in the cache is used."""
    executable(empty_machine / "bin" / "go", "go1.19.8")
    kept = executable(empty_machine / "cache" / "modelward" / "go" / "bin" / "go", "go1.99.0")
    assert golang.find() == kept
    assert "is 1.19" in capfd.readouterr().err
