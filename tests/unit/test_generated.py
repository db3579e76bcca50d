"""Generated files are written by, and compared with, what their modules print."""

import json
from pathlib import Path

import pytest

from dev import generated
from dev.generated import Generated, difference, main, write

# A module of the standard library that prints its input, sorted: what it should hold is known here.
_ROW = Generated("out/sorted.json", "json.tool", ("--sort-keys", "in.json"))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with one file that another is generated from."""
    (tmp_path / "in.json").write_text('{"b": 1, "a": 2}')
    monkeypatch.setattr(generated, "CHECKOUT", tmp_path)
    monkeypatch.setattr(generated, "GENERATED", (_ROW,))
    return tmp_path


def test_a_written_file_is_as_generated(checkout: Path) -> None:
    """Writing must leave nothing to complain of."""
    assert difference(_ROW)
    write(_ROW)
    assert list(json.loads((checkout / _ROW.path).read_text())) == ["a", "b"]
    assert difference(_ROW) == ""


def test_an_outdated_file_fails_verification(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`make verify` must fail, name the file and say what to do."""
    assert main(["write"]) == 0
    (checkout / "in.json").write_text('{"c": 3}')
    assert main(["verify"]) == 1
    assert "not as generated: out/sorted.json; run make generate" in capsys.readouterr().out


def test_a_kept_file_is_left_alone(checkout: Path) -> None:
    """A file that is to be kept must neither be written nor complained of."""
    assert main(["write", "--keep", "sorted.json"]) == 0
    assert not (checkout / _ROW.path).exists()
    assert main(["verify", "--keep", "sorted.json"]) == 0


def test_a_file_that_is_up_to_date_is_not_touched(checkout: Path) -> None:
    """A second run must leave the file's time alone."""
    write(_ROW)
    before = (checkout / _ROW.path).stat().st_mtime_ns
    write(_ROW)
    assert (checkout / _ROW.path).stat().st_mtime_ns == before
