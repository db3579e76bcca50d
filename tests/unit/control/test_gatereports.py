"""Reports on a gate's log: found whole, or said to be missing."""

import gzip
import io
from pathlib import Path

import pytest

from modelward.control.gatereports import NotKeptError, printed
from modelward.gates.pod import print_files

PAGE = "<p>" + "report " * 5000


def log_of(folder: Path) -> str:
    """Return what a gate prints."""
    (folder / "verdict.json").write_text('{"result": "Passed"}')
    (folder / "report.html").write_text(PAGE)
    log = io.StringIO()
    log.write("why: Passed: all 3 checks passed\n")
    print_files(folder, log)
    return log.getvalue()


def test_what_is_printed_is_found(tmp_path: Path) -> None:
    """Both files come back as they were, from between whatever else is on the log."""
    found = printed(log_of(tmp_path) + "more\n")
    assert gzip.decompress(found["report.html"]).decode() == PAGE
    assert gzip.decompress(found["verdict.json"]).decode() == '{"result": "Passed"}'


def test_lines_are_short_enough_for_every_runtime(tmp_path: Path) -> None:
    """No line is longer than what a container runtime takes for one (16 KiB)."""
    assert max(map(len, log_of(tmp_path).splitlines())) < 16 * 1024


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda log: log[:30], "no verdict.json"),
        (lambda log: log[: log.index("-----END MODELWARD FILE report")], "no report.html, or not all of it"),
        (
            lambda log: log.replace("-----END MODELWARD FILE verdict", "!\n-----END MODELWARD FILE verdict"),
            "dam",
        ),
        (lambda log: log.replace("H4sI", "AAAA"), "damaged"),
    ],
)
def test_a_log_that_lost_something_is_refused(change: object, message: str, tmp_path: Path) -> None:
    """A log that was cut, rotated or garbled gives no report, and says what is missing."""
    assert callable(change)
    with pytest.raises(NotKeptError, match=message):
        printed(change(log_of(tmp_path)))
