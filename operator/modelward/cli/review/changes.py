"""What one revision asks for that another does not: two JSON values, leaf by leaf."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

MOST_SHOWN: Final = 200
"""Characters of a value."""


@dataclass(frozen=True, slots=True)
class Change:
    """One leaf that differs."""

    path: str
    """Such as `server.template.spec.containers[model].image`."""
    before: str
    """Cut; empty where there was none."""
    after: str
    """Cut; empty where there is none any more."""


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the leaves that differ, by path; items of lists are told apart by name where all have one."""
    old, new = dict(_leaves("", before)), dict(_leaves("", after))
    return tuple(
        Change(path, old.get(path, ""), new.get(path, ""))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list) and value:
        for name, inner in _named(value):
            yield from _leaves(f"{path}[{name}]", inner)
    else:
        yield path, _shown(value)


def _named(items: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    names = [str(item["name"]) for item in items if isinstance(item, Mapping) and "name" in item]
    if len(set(names)) == len(items):
        yield from zip(names, items, strict=True)
    else:
        yield from ((str(index), item) for index, item in enumerate(items))


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    text = value if isinstance(value, str) and value else orjson.dumps(value).decode()
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
