"""The monitor with its compiled modules, as its image has it: `python -m dev.compiled` prints the folder.

The folder is made anew when a source changes, and kept in the cache. Put it first in PYTHONPATH.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from dev.cluster import locks, packages
from dev.cluster.errors import ClusterError
from dev.cluster.images import short_hash
from dev.cluster.paths import CHECKOUT, cache_dir
from dev.cluster.progress import step

_SCRIPT: Final = CHECKOUT / "images" / "monitor" / "compile.py"
_DAY_SECONDS: Final = 24 * 3600


def folder() -> Path:
    """Return the folder that has the package with its extensions.

    Raises:
        ClusterError: there is no C compiler, or it could not be compiled.
    """
    packages.ensure(packages.COMPILER_COMMANDS)
    source = CHECKOUT / "operator"
    files = sorted(path for path in source.rglob("*.py"))
    parts = [part for path in files for part in (str(path.relative_to(source)).encode(), path.read_bytes())]
    key = short_hash(sys.version.encode(), _SCRIPT.read_bytes(), *parts)
    made = cache_dir() / "compiled" / key
    with locks.exclusive("compiled"):
        if not made.exists():
            _compile(source, made)
            _remove_older(made.parent)
    return made


def _compile(source: Path, made: Path) -> None:
    unfinished = made.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, ignore=shutil.ignore_patterns("__pycache__"))
    with step("compiling the monitor (some 40 s)"):
        done = subprocess.run(
            [sys.executable, _SCRIPT, unfinished],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise ClusterError(f"the monitor could not be compiled:\n{done.stdout[-4000:]}")
    unfinished.rename(made)


def _remove_older(cache: Path) -> None:
    """Keep the cache from growing; what is younger than a day may be in use."""
    for found in cache.iterdir():
        if time.time() - found.stat().st_mtime > _DAY_SECONDS:
            shutil.rmtree(found)


if __name__ == "__main__":
    try:
        print(folder())
    except ClusterError as error:
        sys.exit(f"error: {error}")
