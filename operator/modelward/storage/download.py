"""Copies a model's files into a folder: resumes what was cut off, tries again while anything new comes.

A file grows under a name of its own beside the model, made from its path and version, and takes its
place once it is whole; so a restart goes on where the last one stopped, never with another version's
bytes, and the model's folder never holds half a file.
"""

import hashlib
import random
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from modelward.storage.classify import classify, underlying
from modelward.storage.digest import BOOKKEEPING_PREFIX
from modelward.storage.failure import FetchError, Reason, first_line
from modelward.storage.location import Location
from modelward.storage.log import say
from modelward.storage.store import CHUNK_BYTES, RemoteFile, Store

PARTS_FOLDER: Final = f"{BOOKKEEPING_PREFIX}parts"
CONCURRENT_FILES: Final = 4
FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 20.0

_T = TypeVar("_T")


class CutOffError(OSError):
    """A file ended before its length."""


@dataclass(slots=True)
class Download:
    """One fetch of a model into `folder`."""

    location: Location
    folder: Path
    stall_seconds: float
    """How long a store that fails is tried without bringing anything new."""
    store: Store = field(init=False)
    first_byte_ms: float | None = field(default=None, init=False)
    """The store's latency: time from asking for the first file to its first byte."""
    progressed_s: float = field(default=0.0, init=False)
    """Monotonic time when the store last brought something new."""

    def run(self) -> None:
        """Copy everything. Raises FetchError."""
        self.store = Store(self.location)
        self.progressed_s = time.monotonic()
        files = self._insist(self.store.list)
        self._clear()
        self._check_space(files)
        with ThreadPoolExecutor(CONCURRENT_FILES) as pool:
            pending = [pool.submit(self._insist, _Copy(self, file)) for file in files]
            try:
                for each in pending:
                    each.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        shutil.rmtree(self.folder / PARTS_FOLDER, ignore_errors=True)

    def _insist(self, attempt: Callable[[], _T]) -> _T:
        """Try until it works, can't work, or nothing new has come for long; pauses double, with jitter."""
        pause_s = FIRST_PAUSE_SECONDS
        while True:
            asked_s = time.monotonic()
            try:
                result = attempt()
            except Exception as raised:  # noqa: BLE001 - what isn't known to pass is raised again
                error = underlying(raised)
                final = classify(error, self.location.uri)
                if final is not None:
                    raise final from error
                if self.progressed_s > asked_s:
                    pause_s = FIRST_PAUSE_SECONDS
                wait_s = random.uniform(pause_s / 2, pause_s)  # noqa: S311 - spreads load, hides nothing
                text = f"{type(error).__name__}: {first_line(error)}"
                if time.monotonic() + wait_s > self.progressed_s + self.stall_seconds:
                    stall = f"nothing new came for {self.stall_seconds:g} s"
                    message = f"{self.location.uri} can't be read, {stall}: {text}"
                    raise FetchError(Reason.UNREACHABLE, message) from error
                say("warning", "the store failed, trying again", cause=text, pause_seconds=round(wait_s, 2))
                time.sleep(wait_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_SECONDS)
            else:
                self.progressed_s = time.monotonic()
                return result

    def _clear(self) -> None:
        """Remove what an earlier fetch left, but for the parts, which are resumed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for entry in self.folder.iterdir():
            if entry.name == PARTS_FOLDER:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        (self.folder / PARTS_FOLDER).mkdir(exist_ok=True)

    def _check_space(self, files: tuple[RemoteFile, ...]) -> None:
        needed = sum(file.size_bytes or 0 for file in files)
        there = sum(part.stat().st_size for part in (self.folder / PARTS_FOLDER).iterdir())
        free = shutil.disk_usage(self.folder).free
        if needed - there > free:
            message = (
                f"{self.location.uri} has {needed} bytes and only {free} are free at {self.folder}; "
                "raise the volume's size or the pod's ephemeral-storage limit"
            )
            raise FetchError(Reason.NO_SPACE, message)


@dataclass(slots=True)
class _Copy:
    """Copies one file; called again, it goes on where it stopped."""

    download: Download
    file: RemoteFile
    reached_bytes: int = 0
    """How far into the file an attempt has come; to come there again is no progress."""

    def __call__(self) -> None:
        file, folder = self.file, self.download.folder
        part = folder / PARTS_FOLDER / _part_name(file)
        start = part.stat().st_size if part.exists() and file.version is not None else 0
        if file.size_bytes is None or start < file.size_bytes or not part.exists():
            self._read(part, start)
        size = part.stat().st_size
        if file.size_bytes is not None and size != file.size_bytes:
            if size > file.size_bytes:
                part.unlink()
            raise CutOffError(f"{file.relative_path}: {size} of {file.size_bytes} bytes came")
        target = folder / file.relative_path
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)

    def _read(self, part: Path, start: int) -> None:
        download = self.download
        asked_s = time.monotonic()
        with download.store.open(self.file) as source:
            if start and source.seekable():
                source.seek(start)
            else:
                start = 0
            with part.open("r+b" if start else "wb") as out:
                out.seek(start)
                while piece := source.read(CHUNK_BYTES):
                    if download.first_byte_ms is None:
                        download.first_byte_ms = (time.monotonic() - asked_s) * 1000
                    out.write(piece)
                    self._note(out.tell())

    def _note(self, position_bytes: int) -> None:
        if position_bytes > self.reached_bytes:
            self.reached_bytes = position_bytes
            self.download.progressed_s = time.monotonic()


def _part_name(file: RemoteFile) -> str:
    return hashlib.sha256(f"{file.relative_path}\n{file.size_bytes}\n{file.version}".encode()).hexdigest()
