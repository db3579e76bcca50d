"""Writes the files that are generated, or tells which of them are not what they should be.

`python -m dev.generated write` is `make generate`, `python -m dev.generated verify` is `make verify`.
A new generated file is one more row in GENERATED: its path, and a command that prints its content.
"""

import argparse
import difflib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev.cluster.paths import CHECKOUT


@dataclass(frozen=True, slots=True)
class Generated:
    """A file of the repository and the Python module that prints it."""

    path: str
    module: str
    arguments: tuple[str, ...] = ()


# In this order: a later one may read an earlier one.
GENERATED: Final = (
    Generated("operator/modelward/api/podtemplate.json", "dev.podtemplate"),
    *(
        Generated(f"{folder}/modelward.dev_{plural}.yaml", "modelward.api.crd", (plural,))
        for folder in ("crds", "helm/modelward/files/crds")
        for plural in ("modeldeployments", "modelapprovals")
    ),
    Generated("helm/modelward/files/dashboards/modelward.json", "dev.dashboard"),
    Generated("manifests/install.yaml", "dev.manifests", ("install",)),
    Generated("manifests/servicemonitor.yaml", "dev.manifests", ("servicemonitor",)),
    Generated("docs/reference/conditions.md", "dev.reference", ("conditions",)),
    Generated("docs/reference/fields.md", "dev.reference", ("fields",)),
    Generated("docs/rollout.md", "dev.rollout_page"),
)


def content(generated: Generated) -> str:
    """Return what the file should hold.

    Raises:
        subprocess.CalledProcessError: its command failed; what it said went to standard error.
    """
    command = [sys.executable, "-m", generated.module, *generated.arguments]
    return subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True).stdout


def write(generated: Generated) -> None:
    """Write the file if it differs."""
    file = CHECKOUT / generated.path
    wanted = content(generated)
    if not file.exists() or file.read_text() != wanted:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(wanted)
        print(f"wrote {generated.path}")


def difference(generated: Generated) -> str:
    """Return a unified diff from the file to what it should be; empty if it is."""
    file = CHECKOUT / generated.path
    present = file.read_text().splitlines(keepends=True) if file.exists() else []
    wanted = content(generated).splitlines(keepends=True)
    return "".join(difflib.unified_diff(present, wanted, generated.path, "as generated", n=1))


def _verify(rows: list[Generated]) -> int:
    differences = {row.path: difference(row) for row in rows}
    outdated = [path for path, text in differences.items() if text]
    for path in outdated:
        print(differences[path][:4000])
    if outdated:
        print(f"not as generated: {', '.join(outdated)}; run make generate and commit the result")
    return 1 if outdated else 0


def main(arguments: list[str] | None = None) -> int:
    """Write or verify; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev.generated", description=__doc__)
    parser.add_argument("action", choices=["write", "verify"])
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        type=Path,
        help="a file to leave alone, such as podtemplate.json, which needs Kubernetes' Go module",
    )
    chosen = parser.parse_args(arguments)
    names = {path.name for path in chosen.keep}
    rows = [row for row in GENERATED if Path(row.path).name not in names]
    if chosen.action == "verify":
        return _verify(rows)
    for row in rows:
        write(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
