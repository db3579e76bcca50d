"""What is made of incidents: right and wrong findings, and the limits they are held to."""

from dataclasses import replace

import pytest

from bench.simulate.incident import QUICK_SETTINGS, SETTINGS, Incident, Place, Setting, incidents
from bench.simulate.matrix import Finding, Matrix, markdown, text
from modelward.api.status import Cause

SETTING = Setting(Place.HALF, 10, 0)
MODEL = Incident(SETTING, Cause.MODEL, 0.5, 60)
STORAGE = replace(MODEL, cause=Cause.INFRASTRUCTURE)
RIGHT = Finding(MODEL, Cause.MODEL, gone_back=True, seconds=25)


@pytest.mark.parametrize(
    ("finding", "is_right"),
    [
        (RIGHT, True),
        (Finding(MODEL, Cause.MODEL, gone_back=False, seconds=25), False),
        (Finding(MODEL, Cause.UNKNOWN, gone_back=True, seconds=25), False),
        (Finding(MODEL, None, gone_back=False, seconds=None), False),
        (Finding(STORAGE, Cause.INFRASTRUCTURE, gone_back=False, seconds=25), True),
        (Finding(STORAGE, Cause.INFRASTRUCTURE, gone_back=True, seconds=25), False),
        (Finding(STORAGE, Cause.UNKNOWN, gone_back=False, seconds=25), False),
    ],
)
def test_right_is_the_cause_and_what_follows(finding: Finding, *, is_right: bool) -> None:
    """A bad model must go and no other must, and the cause must be named."""
    assert finding.is_right is is_right


def test_limits() -> None:
    """At least 95 in 100 must be right, and of storage's and drift's at most one in 100 gone back."""
    silent = Finding(MODEL, None, gone_back=False, seconds=None)
    assert Matrix([RIGHT] * 95 + [silent] * 5).is_within_limits
    assert not Matrix([RIGHT] * 94 + [silent] * 6).is_within_limits
    stayed = Finding(STORAGE, Cause.INFRASTRUCTURE, gone_back=False, seconds=25)
    went = replace(stayed, named=Cause.MODEL, gone_back=True)
    assert Matrix([stayed] * 99 + [went]).is_within_limits
    assert not Matrix([RIGHT] * 1000 + [stayed] * 98 + [went] * 2).is_within_limits
    assert not Matrix([]).is_within_limits


def test_the_table_adds_up() -> None:
    """Each finding is counted under its true cause and the one found, and in all."""
    matrix = Matrix([RIGHT, Finding(STORAGE, None, gone_back=False, seconds=None)])
    rows = {row[0]: row[1:] for row in matrix.rows()}
    assert rows["Model"] == ["1", "1", "0", "0", "0", "0", "1", "100.0%", "25 s"]
    assert rows["Infrastructure"] == ["1", "0", "0", "0", "0", "1", "0", "0.0%", "-"]
    assert rows["all"] == ["2", "1", "0", "0", "0", "1", "1", "50.0%", "25 s"]
    assert "wrong: Infrastructure at 50% of latency, rollout at 50%" in text(matrix)
    assert "| Model | 1 | 1 | 0 | 0 | 0 | 0 | 1 | 100.0% | 25 s |" in markdown(matrix)


def test_there_are_enough_incidents_of_every_kind() -> None:
    """At least 400, as many of each cause, each at every place, beginning anywhere between two probes."""
    every = [incident for setting in SETTINGS for incident in incidents(setting)]
    assert len(every) >= 400
    assert len({sum(i.cause is cause for i in every) for cause in Cause}) == 1
    assert {(i.cause, i.setting.place) for i in every} == {(c, p) for c in Cause for p in Place}
    assert len({incident.onset_seconds % 30 for incident in every}) >= 20
    assert {setting.place for setting in QUICK_SETTINGS} == set(Place)
    assert set(QUICK_SETTINGS) <= set(SETTINGS)


def test_only_what_is_at_fault_goes_wrong() -> None:
    """A bad model harms the newer revision, slow storage whatever waits for it, drift and the unknown all."""
    assert MODEL.bad_fraction("latency", newer=True, slow=False) > 0.5
    assert MODEL.bad_fraction("latency", newer=False, slow=False) < 0.01
    assert STORAGE.bad_fraction("latency", newer=False, slow=True) > 0.5
    assert STORAGE.bad_fraction("latency", newer=True, slow=False) < 0.01
    drift = replace(MODEL, cause=Cause.DRIFT)
    assert drift.bad_fraction("accuracy", newer=False, slow=False) > 0.6
    assert drift.bad_fraction("latency", newer=False, slow=False) < 0.01
    assert (drift.has_drifted(0), drift.has_drifted(60), MODEL.has_drifted(60)) == (False, True, False)
    spells = replace(STORAGE, setting=replace(SETTING, repeat=1))
    assert [spells.storage_is_slow(at) for at in (-1, 0, 40, 80)] == [False, True, False, True]
    assert [STORAGE.storage_is_slow(at) for at in (-1, 0, 40)] == [False, True, True]
