"""The content's digest."""

import hashlib
from pathlib import Path

import pytest

from modelward.storage.digest import is_digest, of_folder


def write(folder: Path, **files: str) -> Path:
    """Write files; __ stands for /."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_by_hand(tmp_path: Path) -> None:
    """It is the SHA-256 of sha256sum's lines in order of the paths."""
    write(tmp_path, b="2", a__z="1")
    lines = "".join(
        f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in (("a/z", b"1"), ("b", b"2"))
    )
    assert of_folder(tmp_path) == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def test_what_it_depends_on(tmp_path: Path) -> None:
    """Names and contents matter, the fetch's own files don't."""
    first = of_folder(write(tmp_path / "1", a="1", b="2"))
    assert of_folder(write(tmp_path / "2", b="2", a="1")) == first
    assert of_folder(write(tmp_path / "3", a="2", b="1")) != first
    assert of_folder(write(tmp_path / "4", a="1", c="2")) != first
    own = write(tmp_path / "5", a="1", b="2")
    (own / ".modelward-fetched.json").write_text("{}")
    assert of_folder(own) == first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sha256:" + "a" * 64, True),
        ("sha256:" + "A" * 64, False),
        ("sha256:abc", False),
        ("a" * 64, False),
        ("", False),
    ],
)
def test_form(text: str, expected: bool) -> None:
    """A digest has one form."""
    assert is_digest(text) is expected
