"""A backtest tells in which windows the inputs had drifted, and what was decided of it."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from modelward.cli.bins import DriftWindow, read_windows
from modelward.cli.failure import CommandError
from modelward.cli.inputs import Inputs
from modelward.cli.main import app
from modelward.evidence.drift import Drift
from modelward.evidence.verdict import Verdict

EXAMPLE = Path(__file__).parents[3] / "examples" / "backtest"
HEADER = "time,feature,counts\n"
REFERENCE = HEADER + "reference,price,500 500\n"
HOUR = 3600
HEALTHY = Drift(0.05, 0.2, 100, Verdict.HEALTHY)
DRIFTED = Drift(0.5, 0.2, 100, Verdict.BREACHED)
UNKNOWN = Drift(float("nan"), 0.2, 5, Verdict.UNKNOWN)


def write(folder: Path, text: str) -> Path:
    """Write a file of bins."""
    path = folder / "bins.csv"
    path.write_text(text)
    return path


def test_blocks_are_summed_into_windows(tmp_path: Path) -> None:
    """A block belongs to the window in which it ends; columns may stand in any order."""
    text = (
        "counts,time,feature\n500 500,reference,price\n20 20 20,reference,demand\n"
        "30 30,1800,price\n1 2 3,1800,demand\n30 30,1970-01-01T01:00:00Z,price\n90 10,3601,price\n"
    )
    first, second, after = read_windows(write(tmp_path, text), HOUR, 0.2)
    assert (first.end, second.end, after) == (HOUR, 2 * HOUR, DriftWindow(3 * HOUR, {}))
    assert first.found["price"].events == 120
    assert first.found["price"].verdict is Verdict.HEALTHY
    assert first.found["demand"].verdict is Verdict.UNKNOWN
    assert set(second.found) == {"price"}
    assert second.found["price"].verdict is Verdict.BREACHED


def test_a_window_without_blocks_says_nothing(tmp_path: Path) -> None:
    """After a gap begins it is told once that nothing is known."""
    text = REFERENCE + "3600,price,50 50\n18000,price,50 50\n"
    windows = read_windows(write(tmp_path, text), HOUR, 0.2)
    assert [(window.end // HOUR, bool(window.found)) for window in windows] == [
        (1, True),
        (2, False),
        (5, True),
        (6, False),
    ]


def test_drift_is_told_when_it_begins_and_when_it_ends() -> None:
    """Not again while it lasts; a window that nothing is known of changes nothing."""
    stages = [HEALTHY, DRIFTED, DRIFTED, UNKNOWN, DRIFTED, HEALTHY, HEALTHY]
    inputs = Inputs([DriftWindow(i, {"price": found}) for i, found in enumerate(stages, start=1)])
    told = [(entry.time, entry.action, entry.message) for _ in stages for entry in inputs.take_in()]
    assert told == [
        (2, "Drifted", "price: PSI 0.50 of 100 events, above 0.20"),
        (6, "DriftEnded", "price: PSI 0.05 of 100 events, at most 0.20"),
    ]
    assert inputs.next_end == float("inf")


def test_signals_are_those_of_the_last_window() -> None:
    """What is not known is named as such, never taken for good news; the time is when drift began."""
    windows = [{"price": DRIFTED, "demand": UNKNOWN}, {"price": DRIFTED, "demand": HEALTHY}, {}]
    inputs = Inputs([DriftWindow(i * HOUR, found) for i, found in enumerate(windows, start=1)])

    def known() -> list[tuple[str, bool]]:
        return [(signal.name, signal.drifted) for signal in inputs.signals]

    def began() -> list[float | None]:
        return [signal.since.timestamp() if signal.since else None for signal in inputs.signals]

    assert (known(), inputs.unknown) == ([], ("demand", "price"))
    inputs.take_in()
    assert (known(), began(), inputs.unknown) == ([("price", True)], [HOUR], ("demand",))
    assert (inputs.signals[0].value, inputs.signals[0].threshold) == (0.5, 0.2)
    inputs.take_in()
    assert (known(), began(), inputs.unknown) == ([("demand", False), ("price", True)], [None, HOUR], ())
    inputs.take_in()
    assert (known(), inputs.unknown) == ([], ("demand", "price"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has the columns none; write these: time,feature,counts"),
        (HEADER, "has no block; after the lines of the time reference write blocks"),
        (REFERENCE, "has no block"),
        (
            HEADER + "3600,price,1 1\n",
            "line 2: no reference for 'price', known are: none; write one at the top",
        ),
        (REFERENCE + "3600,demand,1 1\n", "line 3: no reference for 'demand', known are: price"),
        (REFERENCE + "3600,price,1 1 1\n", "line 3: a window and its reference have the same bins"),
        (REFERENCE + "3600,price,1 -1\n", "line 3: a bin's count must be between 0 and"),
        (REFERENCE + "3600,price,1 one\n", "line 3: column counts: 'one' is no number; write events as"),
        (REFERENCE + "3600,price\n", "line 3: 2 columns; write time,feature,counts"),
        (REFERENCE + "noon,price,1 1\n", "line 3: 'noon' is not a time"),
        (REFERENCE + "3600,price,1 1\n1800,price,1 1\n", "line 4: time 1800 is before"),
        (REFERENCE + 2 * "3600,price,1 1\n", "line 4: price is there twice at one time"),
        (REFERENCE + "reference,price,1 1\n", "line 3: price has two references; write one"),
        (REFERENCE + "3600,price,1 1\nreference,b,1 1\n", "line 4: a reference after the first block"),
        (HEADER + "reference,price,5\n", "line 2: a window and its reference have the same bins"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    """The message says what is wrong, where, and what to write."""
    with pytest.raises(CommandError) as error:
        read_windows(write(tmp_path, text), HOUR, 0.2)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--window", "24h"], "--window and --psi go with --bins FILE; leave them out"),
        (["--psi", "0.1"], "--window and --psi go with --bins FILE; leave them out"),
        (["--bins", "nowhere.csv"], "cannot read nowhere.csv"),
        (["--bins", str(EXAMPLE / "bins.csv"), "--window", "a week"], "--window a week: "),
        (["--bins", str(EXAMPLE / "bins.csv"), "--psi", "-1"], "--psi -1: not a decimal"),
        (["--bins", str(EXAMPLE / "bins.csv"), "--window", "876000h"], "are one in every window of"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str], message: str) -> None:
    """The message says what to write instead."""
    result = CliRunner().invoke(
        app, ["backtest", "--csv", str(EXAMPLE / "counts.csv"), "--block", "24h", *options]
    )
    assert isinstance(result.exception, CommandError)
    assert message in str(result.exception)


def test_the_example_drifts_and_rolls_nothing_back(tmp_path: Path) -> None:
    """Elec2: inputs drift from the first window on, accuracy is breached, nothing would be better."""
    files = [
        "--csv",
        EXAMPLE / "counts.csv",
        "--policy",
        EXAMPLE / "policy.yaml",
        "--bins",
        EXAMPLE / "bins.csv",
    ]
    options = ["backtest", *map(str, files), "--block", "24h", "--window", "672h"]
    data = orjson.loads(CliRunner().invoke(app, [*options, "-o", "json"]).output)
    done = {entry["action"] for entry in data["decisions"]}
    assert {"Drifted", "Breached"} <= done
    assert not done & {"RolledBack", "Rejected"}
    drifted = {
        entry["message"].partition(":")[0] for entry in data["decisions"] if entry["action"] == "Drifted"
    }
    assert {"nswprice", "vicprice"} <= drifted
    assert "period" not in drifted
    windows = {each["feature"]: each["windows"] for each in data["drift"]}
    assert all(window["verdict"] == "Healthy" and window["psi"] < 0.01 for window in windows["period"])
    assert data["end"]["stableRevision"] == "first-sixth"
    plot = tmp_path / "evidence.svg"
    table = CliRunner().invoke(app, [*options, "--plot", str(plot)]).output
    assert "INPUTS NSWPRICE, DRIFT" in table
    assert "stability index" in plot.read_text()


def test_window_and_limit_are_those_of_the_policys_profile(tmp_path: Path) -> None:
    """Where it names one and the command line says nothing else."""
    bins = write(tmp_path, REFERENCE + "300,price,30 70\n600,price,30 70\n")
    counts, policy = tmp_path / "counts.csv", tmp_path / "policy.yaml"
    counts.write_text("time,revision,objective,good,total\n300,a,availability,50,50\n")
    policy.write_text(
        "objectives: [{name: availability, availability: {}, target: '99%'}]\n"
        "drift: {profile: {configMapName: inputs}, window: 5m, psi: '5'}\n"
    )
    arguments = ["backtest", "--csv", str(counts), "--policy", str(policy), "--bins", str(bins), "-o", "json"]

    def windows(*more: str) -> list[tuple[str, float]]:
        """Return the end and the limit of each window."""
        found = CliRunner().invoke(app, [*arguments, *more])
        assert found.exception is None, found.output
        (price,) = orjson.loads(found.output)["drift"]
        return [(window["end"], window["limit"]) for window in price["windows"]]

    assert windows() == [("1970-01-01T00:05:00Z", 5.0), ("1970-01-01T00:10:00Z", 5.0)]
    ((end, limit),) = windows("--window", "10m", "--psi", "4")
    assert (end, limit) == ("1970-01-01T00:10:00Z", 4.0)
