"""Compiles the modules of the monitor that a request passes through, with mypyc: `compile.py TARGET`.

From the root of the repository, or of a copy of its pyproject.toml and operator/. TARGET is a folder that has
the package modelward: each extension goes beside its module, before which Python then imports it. Without
them the monitor does the same at some two and a half times the time in its own code.
Needs the dependency group `compile` and a C compiler.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mypyc.build import mypycify
from setuptools import setup  # type: ignore[import-untyped]

_FOLDER: Final = Path("operator/modelward/monitor")
MODULES: Final = (
    "account",
    "answers",
    "bodies",
    "capture/share",
    "client",
    "counters",
    "events",
    "exchange",
    "heads",
    "hops",
    "predictions",
    "randomness",
    "receipts",
    "relay",
    "spans",
    "state",
    "store_watch",
    "stream_content",
    "streams",
    "trace",
    "traffic",
    "upstream",
)
"""Of what they call, the rest is called less than once a request, or needs what compiled classes have not."""


def main() -> None:
    """Compile into the folder that the command line names."""
    target = Path(sys.argv[1]).resolve()
    paths = [str(_FOLDER / f"{name}.py") for name in MODULES]
    with TemporaryDirectory() as made:
        extensions = mypycify(
            ["--config-file=pyproject.toml", *paths],
            opt_level="3",
            debug_level="0",
            target_dir=made,
        )
        setup(
            name="modelward-monitor",
            packages=[],
            ext_modules=extensions,
            script_args=["--quiet", "build_ext", f"--build-lib={target}", f"--build-temp={made}"],
        )


if __name__ == "__main__":
    main()
