"""Reads the mounted configuration and keys, and reads them again when they change.

The kubelet swaps a symbolic link when a ConfigMap or Secret changes, so the files are polled by
their identity (inode, size, time of change), which holds for a mount, a plain file and every file
system. A file that is invalid keeps the last good one in force: one log line, one count.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from modelward.api.monitorconfig import MonitorConfig
from modelward.conventions import FILE_ADMIN_TOKEN, FILE_MONITOR_CONFIG, FILE_RECEIPT_KEY
from modelward.monitor.log import LOGGER
from modelward.monitor.receipts import KeyFileError, parse_keys
from modelward.monitor.state import Keys, MonitorState
from modelward.monitor.traffic import Applied

POLL_SECONDS: Final = 0.5

_Identity = tuple[tuple[int, int, int] | None, ...]


class _InvalidError(Exception):
    """A mounted file can't be used; the text says which and why."""


@dataclass(slots=True)
class _Source:
    """Files that are read together."""

    paths: tuple[Path, ...]
    load: Callable[[], None]
    identity: _Identity = ()

    def changed(self) -> bool:
        now = tuple(_identity(path) for path in self.paths)
        if now == self.identity:
            return False
        self.identity = now
        return True


class Watcher:
    """Keeps a MonitorState up to date with the mounted files."""

    def __init__(self, state: MonitorState, config_dir: Path, keys_dir: Path) -> None:
        self._state = state
        self._config_path = config_dir / FILE_MONITOR_CONFIG
        self._keys_path = keys_dir / FILE_RECEIPT_KEY
        self._token_path = keys_dir / FILE_ADMIN_TOKEN
        self._sources = (
            _Source((self._config_path,), self._load_config),
            _Source((self._keys_path, self._token_path), self._load_keys),
        )

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            self.poll()
            await asyncio.sleep(POLL_SECONDS)

    def poll(self) -> None:
        """Read what has changed since the last poll."""
        for source in self._sources:
            if not source.changed():
                continue
            try:
                source.load()
            except _InvalidError as error:
                self._state.counts.reload_failures += 1
                LOGGER.error("%s", error)

    def _load_config(self) -> None:
        text = _read(self._config_path)
        try:
            config = MonitorConfig.model_validate_json(text)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors()
            )
            message = (
                f"{self._config_path} is invalid, the last good configuration stays in force: {problems}"
            )
            raise _InvalidError(message) from error
        known = self._state.config
        if known is not None and known.revision != config.revision:
            message = (
                f"{self._config_path} is of revision {config.revision}, this pod serves {known.revision}; "
                "a revision's configuration belongs in its own ConfigMap"
            )
            raise _InvalidError(message)
        before = self._state.traffic.current
        self._state.take_config(config)
        if self._state.traffic.current is before and config.traffic != before:
            outcome = Applied.CONFLICT if config.traffic.generation == before.generation else Applied.OLDER
            LOGGER.warning(
                "the file's traffic generation %d is ignored: %s", config.traffic.generation, outcome
            )
        LOGGER.info("configuration loaded", extra={"fields": {"revision": config.revision}})

    def _load_keys(self) -> None:
        try:
            receipt_keys = parse_keys(_read(self._keys_path).decode("ascii", errors="replace"))
        except KeyFileError as error:
            message = f"{self._keys_path}: {error}; the last good keys stay in force"
            raise _InvalidError(message) from error
        token = _read(self._token_path).decode("utf-8", errors="replace").strip()
        if not token:
            message = f"{self._token_path} is empty; write the deployment's admin token"
            raise _InvalidError(message)
        self._state.take_keys(Keys(receipt_keys, token))
        LOGGER.info("keys loaded", extra={"fields": {"receipt_keys": len(receipt_keys)}})


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = (
            f"{path} can't be read ({error.strerror}); mount the deployment's ConfigMap and Secret there"
        )
        raise _InvalidError(message) from error
