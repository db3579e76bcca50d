"""The Go programs of a cluster: which there are, where they are found, how they are built.

A program is taken from KUBEBUILDER_ASSETS or PATH when its version fits, else from the cache, else
built from the Go module in programs/<family>, whose go.mod pins the version and go.sum the content.
The cache is keyed by family, version and edition, so that another version is another file.
"""

import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev.cluster import golang
from dev.cluster.errors import ClusterError
from dev.cluster.paths import SOURCES, cache_dir
from dev.cluster.progress import say, step


@dataclass(frozen=True, slots=True)
class Program:
    """One command: where its source is and how it answers when asked for its version."""

    name: str
    family: str
    package: str
    build_seconds: int
    """On two cores after the family's other programs; said before a build starts."""
    version_command: tuple[str, ...] = ()
    """Arguments that print the version; empty: never taken from PATH, it goes into an image."""
    tags: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """One Go module in programs/ and the dependency whose version is the family's."""

    name: str
    module: str
    version_variables: tuple[str, ...] = ()
    """Go variables that get the version at link time, `{v}` with and `{n}` without its leading v."""
    released_as: tuple[str, str] | None = None
    """(module's version, version that the program calls itself), where the two differ; the former is
    empty for a module that is its own source."""
    edition: int = 1
    """Raised when other components are built in at the same version."""


_KUBERNETES_FLAGS: Final = (
    "k8s.io/component-base/version.gitVersion={v}",
    "k8s.io/component-base/version.gitMajor={major}",
    "k8s.io/component-base/version.gitMinor={minor}",
    "k8s.io/client-go/pkg/version.gitVersion={v}",
)
_COMMON: Final = "github.com/prometheus/common/version.Version={n}"
_JAEGER: Final = "github.com/jaegertracing/jaeger"

FAMILIES: Final = {
    family.name: family
    for family in (
        Family("kubernetes", "k8s.io/kubernetes", _KUBERNETES_FLAGS),
        Family("etcd", "go.etcd.io/etcd/server/v3"),
        Family("helm", "helm.sh/helm/v3", ("helm.sh/helm/v3/internal/version.version={v}",)),
        Family("coredns", "github.com/coredns/coredns"),
        Family("prometheus-operator", "github.com/prometheus-operator/prometheus-operator", (_COMMON,)),
        Family("prometheus", "github.com/prometheus/prometheus", (_COMMON,), ("v0.305.0", "v3.5.0")),
        Family("alertmanager", "github.com/prometheus/alertmanager", (_COMMON,)),
        Family("otel-collector", "go.opentelemetry.io/collector/receiver/otlpreceiver", edition=2),
        Family("jaeger", "github.com/jaegertracing/jaeger", (f"{_JAEGER}/pkg/version.latestVersion={{v}}",)),
        Family("rclone", "github.com/rclone/rclone"),
        Family("toxiproxy", "github.com/Shopify/toxiproxy/v2"),
        Family("kwok", "sigs.k8s.io/kwok"),
        Family("kserve", "github.com/kserve/kserve"),
        Family("pause", "", released_as=("", "v1.0.0")),
    )
}

_OPERATOR: Final = "github.com/prometheus-operator/prometheus-operator/cmd"
_PROMETHEUS: Final = "github.com/prometheus/prometheus/cmd"

PROGRAMS: Final = {
    program.name: program
    for program in (
        Program("etcd", "etcd", "go.etcd.io/etcd/server/v3", 45, ("--version",)),
        Program("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 285, ("--version",)),
        Program("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", 25, ("version", "--client")),
        Program(
            "kube-controller-manager",
            "kubernetes",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
            75,
            ("--version",),
        ),
        Program("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 10, ("--version",)),
        Program("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet", 20, ("--version",)),
        Program("kube-proxy", "kubernetes", "k8s.io/kubernetes/cmd/kube-proxy", 10, ("--version",)),
        Program("prometheus-operator", "prometheus-operator", f"{_OPERATOR}/operator", 115),
        Program(
            "prometheus-config-reloader", "prometheus-operator", f"{_OPERATOR}/prometheus-config-reloader", 5
        ),
        Program("prometheus", "prometheus", f"{_PROMETHEUS}/prometheus", 275, tags="netgo"),
        Program("promtool", "prometheus", f"{_PROMETHEUS}/promtool", 20, ("--version",), tags="netgo"),
        Program(
            "alertmanager",
            "alertmanager",
            "github.com/prometheus/alertmanager/cmd/alertmanager",
            60,
            tags="netgo",
        ),
        Program("helm", "helm", "helm.sh/helm/v3/cmd/helm", 95, ("version", "--short")),
        Program("coredns", "coredns", "github.com/coredns/coredns", 145),
        Program("otel-collector", "otel-collector", ".", 150),
        Program("jaeger", "jaeger", f"{_JAEGER}/cmd/all-in-one", 150),
        Program("rclone", "rclone", "github.com/rclone/rclone", 165),
        Program("toxiproxy", "toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server", 20),
        Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", 110, ("--version",)),
        Program("agent", "kserve", "github.com/kserve/kserve/cmd/agent", 150),
        Program("pause", "pause", ".", 5),
    )
}

BENCHMARK_PROGRAMS: Final = frozenset({"agent"})
"""Built only where a benchmark asks for them by name."""


def module_version(go_mod: str, module: str) -> str:
    """Return the version of a required module, from the text of a go.mod.

    Raises:
        ClusterError: the go.mod does not require the module.
    """
    found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if found is None:
        message = f"go.mod does not require {module}: add it, or correct FAMILIES in {__name__}"
        raise ClusterError(message)
    return found[1]


@functools.cache
def version(family_name: str) -> str:
    """Return the version that a family's programs call themselves, such as `v1.35.4`."""
    family = FAMILIES[family_name]
    go_mod = (SOURCES / family_name / "go.mod").read_text()
    pinned = module_version(go_mod, family.module) if family.module else ""
    if family.released_as is None:
        return pinned
    module, release = family.released_as
    if pinned != module:
        message = f"{family_name}: go.mod has {pinned}, FAMILIES knows the release of {module} only: add it"
        raise ClusterError(message)
    return release


def same_minor(wanted: str, answer: str) -> bool:
    """Tell whether a program's answer to its version command has the wanted major and minor."""
    found = re.search(r"\bv?(\d+)\.(\d+)\.\d+", answer)
    expected = re.match(r"v(\d+)\.(\d+)", wanted)
    return found is not None and expected is not None and found.groups() == expected.groups()


def cached(name: str) -> Path:
    """Return where the cache keeps a program, whether it is there or not."""
    family = FAMILIES[PROGRAMS[name].family]
    edition = f"-{family.edition}" if family.edition > 1 else ""
    return cache_dir() / "programs" / f"{family.name}-{version(family.name)}{edition}" / name


def find(name: str) -> Path:
    """Return the program's file, building it if it is nowhere.

    Raises:
        ClusterError: it could not be built.
    """
    program = PROGRAMS[name]
    own = cached(name)
    for place in _elsewhere(program):
        if _fits(program, place):
            return place
    if not own.exists():
        _build(program, own)
    return own


def _elsewhere(program: Program) -> list[Path]:
    if not program.version_command:
        return []
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    on_path = shutil.which(program.name)
    places = [Path(assets) / program.name] if assets else []
    return [*places, Path(on_path)] if on_path else places


@functools.cache
def _fits(program: Program, place: Path) -> bool:
    command: list[str | Path] = [place, *program.version_command]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and same_minor(version(program.family), answer.stdout + answer.stderr)


def build_command(program: Program, go: Path, target: Path) -> list[str]:
    """Return the `go build` that makes a static, reproducible program."""
    release = version(program.family)
    major, minor = release.removeprefix("v").split(".")[:2]
    values = {"v": release, "n": release.removeprefix("v"), "major": major, "minor": minor}
    variables = (text.format(**values) for text in FAMILIES[program.family].version_variables)
    flags = " ".join(["-s", "-w", *(f"-X {variable}" for variable in variables)])
    tags = ["-tags", program.tags] if program.tags else []
    build = [str(go), "build", "-trimpath", "-mod=readonly", "-buildvcs=false", *tags]
    return [*build, "-ldflags", flags, "-o", str(target), program.package]


def _build(program: Program, target: Path) -> None:
    go = golang.find()
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    command = build_command(program, go, unfinished)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    if not program.version_command:
        environment["GOOS"] = "linux"
    what = f"building {program.name} {version(program.family)} (once, about {program.build_seconds} s)"
    with step(what):
        done = subprocess.run(command, cwd=SOURCES / program.family, env=environment, check=False)
        if done.returncode != 0:
            unfinished.unlink(missing_ok=True)
            message = f"{program.name} did not build; what Go said is above. Run again: {' '.join(command)}"
            raise ClusterError(message)
        unfinished.rename(target)


def find_all(names: list[str]) -> dict[str, Path]:
    """Return every named program, saying first how long the missing ones will take to build."""
    missing = [name for name in names if not cached(name).exists() and not _elsewhere(PROGRAMS[name])]
    if missing:
        seconds = sum(PROGRAMS[name].build_seconds for name in missing)
        say(f"to be built, once: {', '.join(missing)} (about {max(1, seconds // 60)} min on two cores)")
    return {name: find(name) for name in names}
