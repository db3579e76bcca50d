"""A Python with what the monitor's image installs, no more: `python -m dev.installed` prints its path.

A checkout's own environment has more, some of which is imported where it is there (OpenTelemetry imports
psutil): what the monitor takes is measured without. Its interpreter is the system's where that has the same
version: images are made of the distribution's packages (dev/cluster/containers.py), whose interpreter is
built with profile-guided optimization, and the one that a checkout is used with may be without. Made anew
when uv.lock changes, and kept in the cache.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from dev.cluster import locks
from dev.cluster.errors import ClusterError
from dev.cluster.images import short_hash
from dev.cluster.paths import CHECKOUT, cache_dir
from dev.cluster.progress import step

_EXTRAS: Final = ("monitor", "storage")
_SYSTEM: Final = Path("/usr/bin/python3")
_LEFT_OUT: Final = "/(test|tests|idlelib|lib2to3|ensurepip|dist-packages)/"
"""Of the standard library, as in images/monitor/Containerfile."""


def python() -> Path:
    """Return the interpreter.

    Raises:
        ClusterError: the packages could not be installed.
    """
    inputs = [(CHECKOUT / name).read_bytes() for name in ("pyproject.toml", "uv.lock")]
    # With modelward too, for what it says of itself; its code is another's who puts theirs on PYTHONPATH.
    version = " ".join(_version(interpreter()))
    made = cache_dir() / "installed" / short_hash(version.encode(), b"with bytecode", *inputs)
    with locks.exclusive("installed"):
        if not made.exists():
            shutil.rmtree(made.parent, ignore_errors=True)
            with step("installing what the monitor's image has"):
                _install(made)
    return made / "bin" / "python"


def bytecode(python: Path, *folders: Path) -> dict[str, str]:
    """Return variables that have `python` find bytecode of what it imports, from `folders` and its own.

    All of it is made beforehand and without documentation strings, as in the image: what it takes to compile
    at a start stays taken, and a distribution's interpreter comes with other bytecode.
    """
    variables = {"PYTHONOPTIMIZE": "2", "PYTHONPYCACHEPREFIX": str(python.parent.parent / "bytecode")}
    command = [str(python), "-m", "compileall", "-q", "-x", _LEFT_OUT, *map(str, folders)]
    subprocess.run(command, env={**os.environ, **variables}, check=True)
    return variables


def interpreter() -> Path:
    """Return the interpreter to measure with.

    The compiled modules are of this process's version, and no other minor version takes them.
    """
    own = Path(sys.executable)
    return _SYSTEM if _SYSTEM.exists() and _version(_SYSTEM)[:2] == _version(own)[:2] else own


def _version(interpreter: Path) -> list[str]:
    asked: list[str | Path] = [interpreter, "-c", "import sys; print(*sys.version_info[:3], sys.version)"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()


def _install(made: Path) -> None:
    uv = shutil.which("uv") or cache_dir() / "bootstrap" / "bin" / "uv"
    extras = [word for extra in _EXTRAS for word in ("--extra", extra)]
    command = [uv, "sync", "--quiet", "--frozen", "--no-default-groups", "--no-editable", *extras]
    settings = {"UV_PROJECT_ENVIRONMENT": str(made), "UV_PYTHON": str(interpreter())}
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        shutil.rmtree(made, ignore_errors=True)
        raise ClusterError(f"the monitor's packages could not be installed:\n{done.stdout[-4000:]}")
    python = made / "bin" / "python"
    find = "import sysconfig; print(*map(sysconfig.get_path, ('stdlib', 'purelib')))"
    found = subprocess.run([str(python), "-c", find], capture_output=True, text=True, check=True).stdout
    bytecode(python, *map(Path, found.split()))


if __name__ == "__main__":
    try:
        print(python())
    except ClusterError as error:
        sys.exit(f"error: {error}")
