"""`modelward profile` writes a profile that can be read, or says what is wrong."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from modelward.api.profile import read_profile
from modelward.cli.failure import CommandError
from modelward.cli.main import app

TABLE = "price,day,up\n" + "".join(f"{number},{'ab'[number % 2]},{number % 2}\n" for number in range(200))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two features and a label."""
    path = tmp_path / "train.csv"
    path.write_text(TABLE)
    return path


def run(*arguments: str) -> None:
    """Run the command; what it raises comes out."""
    CliRunner().invoke(app, ["profile", *arguments], catch_exceptions=False, standalone_mode=False)


def test_it_writes_a_profile(table: Path) -> None:
    """The file is a profile of the table's features and label."""
    out = table.with_name("profile.json")
    run(str(table), "--label", "up", "--out", str(out))
    profile = read_profile(out.read_text())
    assert [feature.name for feature in profile.features] == ["price", "day"]
    assert profile.classes == {"0": 0.5, "1": 0.5}
    assert profile.data.rows == 200


def test_it_writes_a_config_map(table: Path) -> None:
    """The ConfigMap has the label by which the operator finds it, and the profile under its key."""
    out = table.with_name("profile.yaml")
    run(str(table), "--out", str(out), "--config-map", "electricity-profile", "--deployment", "electricity")
    manifest = yaml.safe_load(out.read_text())
    assert manifest["metadata"] == {
        "name": "electricity-profile",
        "labels": {"modelward.dev/deployment": "electricity"},
    }
    assert read_profile(manifest["data"]["profile.json"]).data.rows == 200


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--label", "z"), "no column 'z'"),
        (("--config-map", "x"), "both --config-map and --deployment"),
    ],
)
def test_it_says_what_is_wrong(table: Path, arguments: tuple[str, ...], problem: str) -> None:
    """An error is one line that says what to write."""
    with pytest.raises(CommandError, match=problem):
        run(str(table), "--out", str(table.with_name("profile.json")), *arguments)
