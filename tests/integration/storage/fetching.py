"""Runs the fetch as its own process and reads what it left."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """One run of modelward-fetch."""

    exit_code: int
    lines: list[dict[str, Any]]
    """Its log."""
    message: dict[str, Any]
    """Its termination message."""

    @property
    def errors(self) -> list[str]:
        """Its error lines."""
        return [line["message"] for line in self.lines if line["level"] == "error"]


async def run_fetch(
    uri: str,
    folder: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
    stall_seconds: float = 30,
) -> Run:
    """Fetch `uri` into `folder`/model."""
    termination_log = folder / "termination-log"
    command = [
        *(sys.executable, "-m", "modelward.storage", uri),
        *("--folder", str(folder / "model"), "--termination-log", str(termination_log)),
        *("--stall-seconds", str(stall_seconds), "--digest-file", str(folder / "model-digest")),
        *arguments,
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "", **(environment or {})},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode is not None
    return Run(
        process.returncode,
        [json.loads(line) for line in said.splitlines()],
        json.loads(termination_log.read_bytes()),
    )


def content(folder: Path) -> dict[str, bytes]:
    """The model's files as the server sees them."""
    model = folder / "model"
    return {
        path.relative_to(model).as_posix(): path.read_bytes()
        for path in sorted(model.rglob("*"))
        if path.is_file() and not path.relative_to(model).as_posix().startswith(".modelward-")
    }
