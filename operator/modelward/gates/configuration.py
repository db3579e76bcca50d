"""Reads the file of `gate run --file`: YAML, as it will stand in a ModelDeployment."""

import hashlib
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

from modelward.api.gates import GateFile
from modelward.api.reading import in_one_line

MAX_FILE_BYTES: Final = 1024 * 1024


class GateFileError(Exception):
    """The file cannot be used; the text says which field, what was wrong and what to write instead."""


def read_gate_file(path: Path, sha256: str | None = None) -> GateFile:
    """Read a gate file; with its SHA-256, in hexadecimal digits, only that one.

    Raises:
        GateFileError: it cannot be read, is another file, is no YAML, or breaks a rule.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise GateFileError(f"{path}: more than {MAX_FILE_BYTES} bytes; name a file of gates")
        written = path.read_bytes()
        if sha256 is not None and hashlib.sha256(written).hexdigest() != sha256:
            raise GateFileError(f"{path} is not the file that was asked for: its SHA-256 is another")
        content = yaml.safe_load(written.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise GateFileError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise GateFileError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise GateFileError(f"{path}: write inference, validation and gates, each with its fields below it")
    try:
        return GateFile.model_validate(content)
    except ValidationError as error:
        raise GateFileError(f"{path}: {in_one_line('', error)}") from error
