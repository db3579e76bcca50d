"""What each of the monitor's processes has in memory."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

_PRINT = "import sys, {}; print(*sys.modules)"


def _imported(module: str) -> set[str]:
    """Names of the packages that are imported with a module, in a process of its own."""
    command = [sys.executable, "-c", _PRINT.format(module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_second_process_has_nothing_of_the_first_alone() -> None:
    """It is forked with what it needs: no event loop, no spans, no HTTP/2."""
    found = _imported("modelward.monitor.capture.guard, modelward.monitor.capture.worker")
    assert found.isdisjoint({"asyncio", "uvloop", "opentelemetry", "google", "urllib3", "httptools", "hpack"})


def test_no_second_http_client() -> None:
    """The forwarding process has one client of HTTP, nothing that only the fetch needs, and no HTTP/2 yet."""
    found = _imported("modelward.monitor.process")
    assert "urllib3" in found
    assert found.isdisjoint({"requests", "aiohttp", "fsspec", "botocore", "hpack", "hyperframe"})
