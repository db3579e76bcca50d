"""The custom resource definitions that a cluster is given: ours, and prometheus-operator's."""

import json
import shutil
import subprocess
from pathlib import Path

from dev.cluster import golang, programs
from dev.cluster.errors import ClusterError
from dev.cluster.paths import CHECKOUT, SOURCES
from dev.cluster.progress import step

OURS = CHECKOUT / "crds"
_FOLDER_IN_MODULE = "example/prometheus-operator-crd"


def prometheus_operator() -> Path:
    """Return a folder with prometheus-operator's definitions, taken from its Go module once.

    Raises:
        ClusterError: the module could not be downloaded.
    """
    family = "prometheus-operator"
    folder = programs.cached(family).with_name("crds")
    if not folder.exists():
        with step("taking prometheus-operator's definitions from its Go module (once)"):
            module = f"{programs.FAMILIES[family].module}@{programs.version(family)}"
            command: list[str | Path] = [golang.find(), "mod", "download", "-json", module]
            answer = subprocess.run(
                command, cwd=SOURCES / family, capture_output=True, text=True, check=False
            )
            if answer.returncode != 0:
                raise ClusterError(f"cannot download {module}: {answer.stdout}{answer.stderr}")
            unfinished = folder.with_name(".crds")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            for file in sorted(Path(json.loads(answer.stdout)["Dir"], _FOLDER_IN_MODULE).glob("*.yaml")):
                # The module cache is read-only, and so would be a copy of its files' modes.
                (unfinished / file.name).write_bytes(file.read_bytes())
            unfinished.rename(folder)
    return folder


def all_folders() -> list[Path]:
    """Return the folders to apply; ours is left out while it has no definition in it."""
    return [prometheus_operator(), *([OURS] if any(OURS.glob("*.yaml")) else [])]
