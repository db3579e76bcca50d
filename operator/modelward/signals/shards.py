"""Deployments in groups that one query can ask about: behind one Prometheus, not too many."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

from modelward.signals.clients import Clients
from modelward.signals.key import Key
from modelward.signals.prometheus import Prometheus

SHARD_SIZE: Final = 500
T = TypeVar("T")


def batched(items: Sequence[T], size: int) -> Iterator[tuple[T, ...]]:
    """Cut into parts of `size`, the last one maybe smaller."""
    rest = iter(items)
    while part := tuple(itertools.islice(rest, size)):
        yield part


def by_prometheus(
    clients: Clients, keys: Iterable[Key], size: int
) -> Iterator[tuple[Prometheus, tuple[Key, ...]]]:
    """Group deployments by the Prometheus that is asked about them, in parts of at most `size`."""
    groups: dict[int, tuple[Prometheus, list[Key]]] = {}
    for key in keys:
        prometheus = clients.of(key.namespace)
        groups.setdefault(id(prometheus), (prometheus, []))[1].append(key)
    for prometheus, group in groups.values():
        yield from ((prometheus, part) for part in batched(group, size))
