"""Secrets from mounted files, read again when they change, so that a rotated token needs no restart."""

from pathlib import Path
from typing import Final

MAX_SECRET_BYTES: Final = 64 * 1024


class SecretUnreadableError(Exception):
    """A secret's file is missing, empty or too large; the text names it."""


class SecretFile:
    """The text of one small mounted file.

    The kubelet swaps a Secret's files by renaming, which changes inode and time; both are compared. One
    stat of a file in memory costs less than handing it to a thread.
    """

    def __init__(self, path: Path) -> None:
        """Of this path; nothing is read yet."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._text = ""

    def read(self) -> str:
        """The file's text without surrounding white space.

        Raises:
            SecretUnreadableError: if it cannot be read, is empty or is larger than 64 KiB.
        """
        try:
            stat = self._path.stat()
            seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if seen != self._seen:
                if stat.st_size > MAX_SECRET_BYTES:
                    raise SecretUnreadableError(
                        f"{self._path} is larger than {MAX_SECRET_BYTES} bytes: not a token or password"
                    )
                self._text = self._path.read_text(encoding="utf-8").strip()
                self._seen = seen
        except (OSError, UnicodeDecodeError) as error:
            raise SecretUnreadableError(f"cannot read the secret in {self._path}: {error}") from error
        if not self._text:
            raise SecretUnreadableError(f"{self._path} is empty; write the token or password into it")
        return self._text
