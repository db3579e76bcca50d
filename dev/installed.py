"""A Python with what the monitor's image installs, no more: `python -m dev.installed` prints its path.

A checkout's own environment has more, some of which is imported where it is there (OpenTelemetry imports
psutil): what the monitor takes is measured without. Made anew when uv.lock changes, and kept in the cache.
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


def python() -> Path:
    """Return the interpreter; its packages have bytecode, without documentation strings as in the image.

    Raises:
        ClusterError: the packages could not be installed.
    """
    inputs = [(CHECKOUT / name).read_bytes() for name in ("pyproject.toml", "uv.lock")]
    # With modelward too, for what it says of itself; its code is another's who puts theirs on PYTHONPATH.
    made = cache_dir() / "installed" / short_hash(sys.version.encode(), b"with modelward", *inputs)
    with locks.exclusive("installed"):
        if not made.exists():
            shutil.rmtree(made.parent, ignore_errors=True)
            with step("installing what the monitor's image has"):
                _install(made)
    return made / "bin" / "python"


def _install(made: Path) -> None:
    uv = shutil.which("uv") or cache_dir() / "bootstrap" / "bin" / "uv"
    extras = [word for extra in _EXTRAS for word in ("--extra", extra)]
    command = [uv, "sync", "--quiet", "--frozen", "--no-default-groups", "--no-editable", *extras]
    settings = {
        "UV_PROJECT_ENVIRONMENT": str(made),
        "UV_PYTHON": sys.executable,
        "UV_COMPILE_BYTECODE": "1",
        "PYTHONOPTIMIZE": "2",
    }
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


if __name__ == "__main__":
    try:
        print(python())
    except ClusterError as error:
        sys.exit(f"error: {error}")
