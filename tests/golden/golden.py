"""Compares with a file, or writes it: UPDATE_GOLDEN=1 pytest tests/golden, then read the difference."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parent
SWITCH: Final = "UPDATE_GOLDEN"


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block, and no references."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class's signature
        return True


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _block)


def as_yaml(documents: Iterable[Any]) -> str:
    """Write objects as a person would read them."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=110)


def assert_golden(name: str, content: str) -> None:
    """Assert that a golden file holds this content, or write it if the switch is set."""
    file = FOLDER / name
    if os.environ.get(SWITCH):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    assert file.exists(), f"{file} is missing; write it with {SWITCH}=1"
    assert content == file.read_text(), f"{name} differs; if that is meant, write it with {SWITCH}=1"
