"""Where things are: the checkout, the cache that outlives a cluster, and the user's tools."""

import os
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = CHECKOUT / "dev" / "cluster" / "programs"


def cache_dir() -> Path:
    """Return the folder that keeps programs and images between clusters."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "modelward"
