"""Fixtures of the tests with promtool."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden.promtool import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give a test its own series; what it expects is checked in one run of promtool at its end."""
    bench = Bench(tmp_path)
    yield bench
    bench.check()
