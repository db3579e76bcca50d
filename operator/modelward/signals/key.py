"""The name of a ModelDeployment, by which everything is kept."""

from typing import NamedTuple


class Key(NamedTuple):
    """Namespace and name of a ModelDeployment."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Return `namespace/name`."""
        return f"{self.namespace}/{self.name}"
