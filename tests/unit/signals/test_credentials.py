"""Secrets in files: what is read, and what is refused."""

from pathlib import Path

import pytest

from modelward.signals.credentials import MAX_SECRET_BYTES, SecretFile, SecretUnreadableError


def test_white_space_around_a_secret_is_not_part_of_it(tmp_path: Path) -> None:
    """Files made with an editor or echo end in a line feed."""
    (tmp_path / "token").write_text(" secret \n")

    assert SecretFile(tmp_path / "token").read() == "secret"


def test_swapped_file_is_read_again(tmp_path: Path) -> None:
    """The kubelet renames a new file into place; also one of the same size and time is seen."""
    file = tmp_path / "token"
    file.write_text("first")
    secret = SecretFile(file)
    assert secret.read() == "first"
    other = tmp_path / "other"
    other.write_text("other")
    other.rename(file)

    assert secret.read() == "other"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"x" * (MAX_SECRET_BYTES + 1), "is larger than"),
        (b"\xff\xfe", "cannot read"),
    ],
)
def test_what_is_no_secret_is_refused_with_the_file(tmp_path: Path, content: bytes, reason: str) -> None:
    """The message names the file and what is wrong with it, and never the content."""
    file = tmp_path / "token"
    file.write_bytes(content)

    with pytest.raises(SecretUnreadableError, match=reason) as caught:
        SecretFile(file).read()

    assert str(file) in str(caught.value)


def test_file_that_becomes_unreadable_is_not_remembered(tmp_path: Path) -> None:
    """A secret that was withdrawn no longer lets anyone in."""
    file = tmp_path / "token"
    file.write_text("secret")
    secret = SecretFile(file)
    secret.read()
    file.unlink()

    with pytest.raises(SecretUnreadableError, match="cannot read"):
        secret.read()
