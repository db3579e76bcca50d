"""A backtest tells what the operator would have done: promoted, rejected, rolled back, held."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from modelward.api.status import Phase
from modelward.cli.curves import MOST_POINTS, Curves, Line
from modelward.cli.failure import CommandError
from modelward.cli.history import parse_time, read_csv
from modelward.cli.main import app
from modelward.cli.policy import read_policy
from modelward.cli.replay import RESTING_BLOCKS, Replay
from modelward.evidence.counts import Count
from modelward.evidence.ledger import Key, TimedBlocks

START = 1_700_000_000
HOUR = 720
POLICY = """\
objectives: [{name: availability, availability: {}, target: "99%"}]
rollout: {steps: [{weight: 50, duration: 1m, minRequests: 100}], deadline: 3m, standby: {retain: 2m}}
"""
NAMED = ("--deployment", "a/b")
HEADER = "time,revision,objective,good,total\n"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """One objective, 99% available."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def replay(policy: Path) -> Replay:
    """A deployment under that policy."""
    return Replay(read_policy(policy), 5)


def block(*arms: tuple[str, int]) -> dict[Key, Count]:
    """Return one block: of each revision 50 events, so many of them bad."""
    return {(revision, "availability"): Count(50 - bad, bad) for revision, bad in arms}


def timed(*spans: tuple[int, dict[Key, Count]]) -> list[TimedBlocks]:
    """Return so many blocks of each kind, one after the other."""
    counts = [one for blocks, one in spans for _ in range(blocks)]
    return [(START + 5 * i, one) for i, one in enumerate(counts)]


def actions(replay: Replay) -> list[tuple[str, str]]:
    """Return what was done to which revision, steps left out."""
    done = [(entry.action, entry.message.partition(":")[0]) for entry in replay.entries]
    return [(action, revision) for action, revision in done if not action.startswith(("Started", "Step"))]


def test_a_candidate_as_good_as_stable_is_promoted(replay: Replay) -> None:
    """The first revision serves at once, the next after its step."""
    replay.run(timed((HOUR, block(("a", 0))), (40, block(("a", 0), ("b", 0))), (HOUR, block(("b", 0)))))
    assert actions(replay)[0] == ("Promoted", "a")
    assert actions(replay)[-1] == ("Promoted", "b")
    assert (replay.status.phase, replay.status.stable_revision) == (Phase.SERVING, "b")


def test_a_worse_candidate_is_rejected_within_a_minute(replay: Replay) -> None:
    """History went on with it for an hour; the operator would not have."""
    replay.run(timed((HOUR, block(("a", 0))), (40, block(("a", 0), ("b", 25)))))
    (rejected,) = [entry for entry in replay.entries if entry.action == "Rejected"]
    assert rejected.reason == "AvailabilityWorseThanStable"
    assert 0 < rejected.time - (START + 5 * HOUR) <= 60
    assert replay.status.stable_revision == "a"


GOOD_THEN = (HOUR, block(("a", 0))), (40, block(("a", 0), ("b", 0))), (2 * HOUR, block(("b", 0)))
"""A promoted b whose standby is gone."""


def test_a_promoted_revision_that_turns_bad_is_compared_and_rolled_back(replay: Replay) -> None:
    """The breach is found in the very block in which it stands, however many blocks are taken in at once."""
    replay.run(timed(*GOOD_THEN, (12, block(("b", 5))), (HOUR, block(("a", 0), ("b", 5)))))
    done = actions(replay)[-4:]
    assert done == [
        ("Breached", "b"),
        ("Probing", "b"),
        ("Shared", "1 pods of a take traffic"),
        ("RolledBack", "b"),
    ]
    assert 0 < replay.entries[-1].time - (START + 5 * (3 * HOUR + 40)) <= 240
    assert replay.entries[-1].reason == "AvailabilityWorseThanStable"
    assert replay.status.stable_revision == "a"


def test_a_breach_is_borne_when_history_cannot_compare(replay: Replay) -> None:
    """Without counts of the revision that would have shared the traffic nothing is rolled back."""
    replay.run(timed(*GOOD_THEN, (HOUR, block(("b", 5)))))
    assert [action for action, _ in actions(replay)[-4:]] == ["Breached", "Probing", "Shared", "Stayed"]
    assert replay.status.stable_revision == "b"


def test_a_policy_that_asks_for_no_comparison_rolls_back_at_once(tmp_path: Path) -> None:
    """With rollback.onUnknownCause: Rollback the breach itself is enough, within a minute."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY + "rollback: {onUnknownCause: Rollback}\n")
    replay = Replay(read_policy(path), 5)
    replay.run(timed(*GOOD_THEN, (HOUR, block(("b", 5)))))
    assert actions(replay)[-2:] == [("Breached", "b"), ("RolledBack", "b")]
    assert 0 < replay.entries[-1].time - (START + 5 * (3 * HOUR + 40)) <= 60
    assert replay.status.stable_revision == "a"


def test_a_breach_without_an_earlier_revision_rolls_nothing_back(replay: Replay) -> None:
    """It is said, and why nothing follows, and when it is over."""
    replay.run(timed((HOUR, block(("a", 0))), (60, block(("a", 25))), (2 * HOUR, block(("a", 0)))))
    done = [(entry.action, entry.reason) for entry in replay.entries if entry.action != "Started"]
    assert done == [
        ("Promoted", "FirstRevisionReady"),
        ("Breached", "TargetBreached"),
        ("Stayed", "NothingToGoBackTo"),
        ("Recovered", "TargetMet"),
        ("Recovered", "Recovered"),
    ]


def test_blocks_at_once_are_as_blocks_one_by_one(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many blocks are taken in at once changes speed alone."""
    history = timed((3 * HOUR, block(("a", 0))), (40, block(("a", 8))), (2 * HOUR, block(("a", 1))))
    found = []
    for blocks in (1, RESTING_BLOCKS):
        monkeypatch.setattr("modelward.cli.replay.RESTING_BLOCKS", blocks)
        replay = Replay(read_policy(policy), 5)
        replay.run(history)
        found.append(replay.entries)
    assert found[0] == found[1]
    assert len(found[0]) > 2


def test_no_counts_promote_nothing(replay: Replay) -> None:
    """A candidate that vanishes after its first block is held at the deadline, not promoted."""
    replay.run(timed((HOUR, block(("a", 0))), (1, block(("a", 0), ("b", 0))), (60, block(("a", 0)))))
    assert actions(replay)[-1] == ("Held", "b")


def test_curves_keep_the_highest_evidence_in_few_points() -> None:
    """Whatever the length of history, a peak stays a peak."""
    curves, line = Curves(), Line("a", "latency", "against target")
    for time in range(10 * MOST_POINTS):
        curves.add(line, time, 2.0 if time == 1_234 else 0.5)
    points = curves.lines()[line]
    assert len(points) <= MOST_POINTS
    assert [time for time, share in points if share == 2.0] == [1_234 // curves.width_seconds * 16]


def test_a_csv_file_is_read_as_blocks(tmp_path: Path) -> None:
    """Columns may stand in any order, times be seconds or ISO 8601; a line that is missing is Unknown."""
    path = tmp_path / "counts.csv"
    path.write_text(
        "good,total,revision,objective,time\n"
        "49,50,a,availability,1700000000\n10,10,b,availability,1700000000\n"
        "48,50,a,availability,2023-11-14T22:13:25Z\n"
    )
    assert list(read_csv(path, 5, {"availability"})) == [
        (START, {("a", "availability"): Count(49, 1), ("b", "availability"): Count(10, 0)}),
        (START + 5, {("a", "availability"): Count(48, 2)}),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has the columns none; write these: time,revision,objective,good,total"),
        ("time,revision\n", "has the columns time, revision; write these"),
        (HEADER + "noon,a,availability,1,1\n", "line 2: 'noon' is not a time; write for instance"),
        (
            HEADER + "1700000001,a,availability,1,1\n",
            "line 2: time 1700000001 is no multiple of the block's 5 s",
        ),
        (
            HEADER + "1700000005,a,availability,1,1\n1700000000,a,availability,1,1\n",
            "line 3: time 1700000000 is",
        ),
        (HEADER + "1700000000000,a,availability,1,1\n", "line 2: time 1700000000000 is far in the future"),
        (HEADER + "1700000000,,availability,1,1\n", "line 2: no revision; write the name of one"),
        (HEADER + "1700000000,a,availability,2,1\n", "line 2: good 2 of total 1: good must be between 0"),
        (HEADER + "1700000000,a,availability,nan,1\n", "line 2: good nan of total 1: good must be"),
        (
            HEADER + "1700000000,a,availability,1,1\n1700000005,a,availability,one,1\n",
            "line 3: column good: 'one' is no number; write events as 1500 or 1500.5, without separators",
        ),
        (
            HEADER + '1700000000,a,availability,1,"1,500"\n',
            "line 2: column total: '1,500' is no number; write events as 1500",
        ),
        (HEADER + "1700000000,a,availability,,1\n", "line 2: column good: '' is no number; write events"),
        (HEADER + "1700000000,a,availability\n", "line 2: 3 columns; write time,revision"),
        (HEADER + 2 * "1700000000,a,availability,1,1\n", "line 3: a and availability are there twice"),
        (
            HEADER + "1700000000,a,speed,1,1\n",
            "line 2: the policy has no objective 'speed', it has",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    """The message says what is wrong, where, and what to write."""
    path = tmp_path / "counts.csv"
    path.write_text(text)
    with pytest.raises(CommandError) as error:
        list(read_csv(path, 5, {"availability"}))
    assert message in str(error.value)


def test_a_file_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    """The mark that it begins with is no part of a column's name."""
    path = tmp_path / "counts.csv"
    path.write_text("\ufeff" + HEADER + "1700000000,a,availability,1,1\n")
    assert list(read_csv(path, 5, {"availability"})) == [(START, {("a", "availability"): Count(1, 0)})]


def test_a_time_is_utc_unless_it_says_otherwise() -> None:
    """A time zone in the text is obeyed."""
    assert parse_time("2023-11-14T22:13:20").timestamp() == START
    assert parse_time("2023-11-14T23:13:20+01:00").timestamp() == START


@pytest.mark.parametrize("text", [POLICY, "kind: ModelDeployment\nspec:\n  " + POLICY.replace("\n", "\n  ")])
def test_a_policy_is_a_manifest_or_a_part_of_its_spec(tmp_path: Path, text: str) -> None:
    """What has no bearing on evidence may be left out."""
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    assert [objective.name for objective in read_policy(path).objectives] == ["availability"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1\n", "is no ModelDeployment; write one, or a part of its spec"),
        ("rollout: {steps: []}\n", "spec.rollout.steps"),
        ("a: [\n", "cannot read"),
    ],
)
def test_a_wrong_policy_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The message names the field."""
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(CommandError, match=message):
        read_policy(path)


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """An hour of a good revision, then a bad candidate beside it for two minutes."""
    path = tmp_path / "counts.csv"
    history = timed((HOUR, block(("a", 0))), (24, block(("a", 0), ("b", 25))))
    lines = [
        f"{time},{revision},{objective},{count.good},{count.total}\n"
        for time, counts in history
        for (revision, objective), count in counts.items()
        if count
    ]
    path.write_text(HEADER + "".join(lines))
    return path


def test_the_command_prints_decisions_and_evidence(story: Path, policy: Path, tmp_path: Path) -> None:
    """As tables, as JSON, and as a plot."""
    options = ["backtest", "--csv", str(story), "--policy", str(policy)]
    table = CliRunner().invoke(app, [*options, "--plot", str(tmp_path / "evidence.svg")])
    assert "AvailabilityWorseThanStable" in table.output
    assert "744 blocks of 5 s; at the end Serving, a serves, rejected: b" in table.output
    assert (tmp_path / "evidence.svg").read_text().count("Rejected b") == 1
    data = orjson.loads(CliRunner().invoke(app, [*options, "-o", "json"]).output)
    assert [each["action"] for each in data["decisions"]][-1] == "Rejected"
    assert data["end"]["rejectedRevisions"] == ["b"]
    assert {line["test"] for line in data["evidence"]} == {"against target", "against stable"}


def test_the_example_breaches_and_rolls_nothing_back() -> None:
    """Without a revision that would do better a drifted model goes on serving, and each breach is told."""
    example = Path(__file__).parents[3] / "examples" / "backtest"
    options = [
        "--csv",
        str(example / "counts.csv"),
        "--policy",
        str(example / "policy.yaml"),
        "--block",
        "24h",
    ]
    data = orjson.loads(CliRunner().invoke(app, ["backtest", *options, "-o", "json"]).output)
    done = [entry["action"] for entry in data["decisions"]]
    assert done[:3] == ["Started", "Promoted", "Breached"]
    assert set(done[3:]) == {"Breached", "Stayed", "Recovered"}
    assert data["end"]["stableRevision"] == "first-sixth"


def test_an_objective_that_was_never_counted_is_named(story: Path) -> None:
    """The default policy has latency too, and no data is never good news."""
    output = CliRunner().invoke(app, ["backtest", "--csv", str(story)]).output
    assert "Never counted: latency" in output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give either --csv FILE or --prometheus URL"),
        (["--csv", "counts.csv", "--deployment", "a/b"], "go with --prometheus"),
        (["--csv", "nowhere.csv"], "cannot read nowhere.csv"),
        (["--csv", "counts.csv", "--block", "0.5s"], "write whole seconds, for instance 5s"),
        (["--csv", "counts.csv", "--block", "day"], "not a duration"),
        (["--prometheus", "http://127.0.0.1:9"], "needs --deployment NAMESPACE/NAME"),
        (["--prometheus", "http://127.0.0.1:9", *NAMED], "needs --from and --to"),
        (
            ["--prometheus", "x", *NAMED, "--from", "2026-01-01", "--to", "2026-01-02"],
            "--prometheus: a Prometheus address starts with http",
        ),
        (
            ["--prometheus", "x", *NAMED, "--from", "2026-01-02", "--to", "2026-01-01"],
            "--to must be after --from",
        ),
        (
            ["--prometheus", "http://127.0.0.1:9", *NAMED, "--from", "2026-01-01", "--to", "2026-01-02"],
            "no counts from Prometheus",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str], message: str) -> None:
    """The message says what to write instead."""
    result = CliRunner().invoke(app, ["backtest", *options])
    assert isinstance(result.exception, CommandError)
    assert message in str(result.exception)


def test_a_plot_has_a_name_that_says_its_kind(tmp_path: Path, policy: Path) -> None:
    """Another ending is refused, before a history is read that may take long."""
    unread = tmp_path / "unread.csv"
    unread.write_text("no history")
    options = ["--csv", str(unread), "--policy", str(policy), "--plot", "evidence.doc"]
    result = CliRunner().invoke(app, ["backtest", *options])
    assert "ends in .svg or .png" in str(result.exception)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ('drift: {detectors: [{name: psi, query: "max(psi)"}]}', "has drift.detectors, of which"),
        ("rollback: {alerts: [{matchLabels: {severity: page}}]}", "has rollback.alerts, of which"),
        ("drift: {profile: {configMapName: inputs}}", "has drift.profile, of which"),
    ],
)
def test_what_a_csv_file_cannot_know_is_refused(tmp_path: Path, fields: str, said: str) -> None:
    """Detectors and alerts are asked of Prometheus; a policy with them is not half replayed."""
    counts, policy = tmp_path / "counts.csv", tmp_path / "policy.yaml"
    counts.write_text(HEADER + f"{START},a,availability,50,50\n")
    policy.write_text(POLICY.replace("rollout:", fields + "\nrollout:"))
    found = CliRunner().invoke(app, ["backtest", "--csv", str(counts), "--policy", str(policy)])
    assert isinstance(found.exception, CommandError)
    assert said in str(found.exception)
