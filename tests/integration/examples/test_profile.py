"""The example's profile is that of the rows that its models were trained on."""

import sys
from pathlib import Path

import pytest
import yaml

from modelward.api.profile import Profile, read_profile
from modelward.profile.build import Columns, build
from tests.integration.examples.test_train import EXAMPLE, SAMPLE, script

pytestmark = pytest.mark.integration


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """Make it anew, as training_table.py says."""
    monkeypatch.setitem(sys.modules, "train", script("train"))
    table = tmp_path / "train.csv"
    script("training_table").main(SAMPLE, table)
    wanted = Columns(label="up", prediction="predicted", categorical=("predicted",))
    return build(table, wanted, lambda _done, _total: None)


def test_the_profile_is_of_the_training_rows(made: Profile) -> None:
    """profile.yaml is what the script and the command give today, up to the model's last digits."""
    manifest = yaml.safe_load((EXAMPLE / "profile.yaml").read_text())
    profile = read_profile(manifest["data"]["profile.json"])
    assert profile.features == made.features
    assert profile.classes == made.classes
    name = yaml.safe_load((EXAMPLE / "modeldeployment.yaml").read_text())["metadata"]["name"]
    assert manifest["metadata"]["labels"] == {"modelward.dev/deployment": name}
