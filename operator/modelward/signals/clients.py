"""Which Prometheus is asked about which namespace."""

from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

from modelward.signals.prometheus import Endpoint, Prometheus


class Clients:
    """One client per distinct endpoint; an async context manager that closes them all."""

    def __init__(self, default: Endpoint, by_namespace: Mapping[str, Endpoint] | None = None) -> None:
        """Of an endpoint for every namespace that is not named in `by_namespace`."""
        namespaces = by_namespace or {}
        clients = {endpoint: Prometheus(endpoint) for endpoint in {default, *namespaces.values()}}
        self._default = clients[default]
        self._by_namespace = {namespace: clients[endpoint] for namespace, endpoint in namespaces.items()}
        self._all = tuple(clients.values())
        self._derived: list[Clients] = []

    def of(self, namespace: str) -> Prometheus:
        """Give the client to ask about a namespace."""
        return self._by_namespace.get(namespace, self._default)

    def quicker(self, timeout_seconds: float) -> "Clients":
        """Give clients of the same endpoints that wait at most so long, with connections of their own.

        They are closed with these.
        """

        def limited(client: Prometheus) -> Endpoint:
            endpoint = client.endpoint
            return replace(endpoint, timeout_seconds=min(endpoint.timeout_seconds, timeout_seconds))

        by_namespace = {namespace: limited(client) for namespace, client in self._by_namespace.items()}
        clients = Clients(limited(self._default), by_namespace)
        self._derived.append(clients)
        return clients

    async def __aenter__(self) -> Self:
        """Nothing is connected before the first query."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        for client in self._all:
            await client.close()
        for clients in self._derived:
            await clients.close()
