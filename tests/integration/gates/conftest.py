"""Fixtures: the known tables, and a server of the good model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.gates.files import write_tables
from bench.gates.known import GOOD, serving


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the known tables once."""
    folder = tmp_path_factory.mktemp("tables")
    write_tables(folder)
    return folder


@pytest.fixture(scope="session")
def good() -> Iterator[str]:
    """Serve the good model."""
    with serving(GOOD) as address:
        yield address
