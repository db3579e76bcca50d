"""Reports on a gate's log: found whole, or said to be missing."""

import asyncio
import gzip
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import pytest

from modelward.control import gatereports, kinds
from modelward.control.cache import Cache, Record
from modelward.control.client import NOT_FOUND, ApiError, Client, Manifest
from modelward.control.gatejobs import Seen
from modelward.control.gatereports import MOST_TRIES, GateReports, NotKeptError, printed
from modelward.control.kinds import Kind
from modelward.control.refusals import Refusals, Retries
from modelward.decide.placement import GateJob
from modelward.gates.pod import print_files
from modelward.render.identity import DeploymentIdentity
from modelward.signals.key import Key

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


KEY: Final = Key("shops", "shop")
OWNER: Final = DeploymentIdentity("shop", "shops", "owner")
SEEN: Final = Seen(
    GateJob("shop-2222222222", "calm", "3c0ac91cdb93", "2026-01-01T00:00:00Z", 0),
    Record(kinds.JOB, "shops", "shop-2222222222-calm", "uid", 1, "", b"{}"),
    "pod",
    None,
)
BUSY: Final = ApiError(429, "TooManyRequests", "busy")


@dataclass
class Logs:
    """An API server that gives a log, after errors; None among them: it does not answer."""

    text: str
    errors: list[ApiError | None] = field(default_factory=list)
    reads: int = 0

    async def log(self, *_asked: object) -> str:
        """Give the log, or the next error."""
        self.reads += 1
        if self.errors:
            error = self.errors.pop(0)
            if error is None:
                await asyncio.Event().wait()
            else:
                raise error
        return self.text

    async def request(self, method: str, path: str) -> Manifest:
        """Have no ConfigMap."""
        raise ApiError(NOT_FOUND, "NotFound", f"{method} {path}")

    async def apply(self, _kind: Kind, manifest: Manifest) -> Manifest:
        """Take one."""
        return {**manifest, "metadata": {**manifest["metadata"], "uid": "new", "resourceVersion": "2"}}


@dataclass
class Keeping:
    """Reports, and the time between tries."""

    logs: Logs
    seconds: float = 0.0
    reports: GateReports = field(init=False)

    def __post_init__(self) -> None:
        """With a clock that a test sets."""
        self.reports = GateReports(cast("Client", self.logs), Cache(), _retries=Retries(lambda: self.seconds))

    async def keep(self) -> tuple[str, Refusals]:
        """Keep the report; return why it is not kept, and what is to be tried again."""
        refusals = Refusals()
        return await self.reports.keep(KEY, OWNER, SEEN, refusals), refusals


async def test_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    """A busy, failing or unreachable API server is asked again after a while, not before; then it is kept."""
    errors = [BUSY, ApiError(500, "", "broken"), ApiError(0, "Unreachable", "no route")]
    keeping = Keeping(Logs(log_of(tmp_path), [*errors]))
    for tries, error in enumerate(errors, 1):
        for _ in range(2):
            problem, refusals = await keeping.keep()
            assert error.message in problem
            assert refusals.again_in is not None
            assert keeping.logs.reads == tries
        keeping.seconds += 60
    assert (await keeping.keep())[0] == ""
    assert keeping.reports.place(KEY, SEEN)


async def test_it_is_not_tried_for_ever(tmp_path: Path) -> None:
    """After so many tries the last reason stands, and nothing is asked any more."""
    keeping = Keeping(Logs(log_of(tmp_path), [BUSY] * 99))
    for _ in range(MOST_TRIES + 3):
        await keeping.keep()
        keeping.seconds += 600
    problem, refusals = await keeping.keep()
    assert (problem, refusals.again_in) == ("busy", None)
    assert keeping.logs.reads == MOST_TRIES


@pytest.mark.parametrize(
    ("text", "errors"),
    [("cut", []), ("", [ApiError(404, "NotFound", "there is no report: its pod is gone")])],
)
async def test_what_stays_so_is_tried_once(text: str, errors: list[ApiError | None]) -> None:
    """A log that lost something, or is gone, does not come back."""
    keeping = Keeping(Logs(text, errors))
    for _ in range(2):
        problem, refusals = await keeping.keep()
        keeping.seconds += 600
        assert problem
        assert refusals.again_in is None
    assert keeping.logs.reads == 1


async def test_a_log_that_does_not_come_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left after its time, and tried again."""
    monkeypatch.setattr(gatereports, "MOST_SECONDS", 0.01)
    keeping = Keeping(Logs(log_of(tmp_path), [None]))
    problem, refusals = await keeping.keep()
    assert "within 0.01 s" in problem
    assert refusals.again_in is not None
    monkeypatch.undo()
    keeping.seconds += 60
    assert (await keeping.keep())[0] == ""
