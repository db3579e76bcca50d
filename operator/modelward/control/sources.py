"""Joins settings, cache and evidence book with the ports of `signals` that read from them."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from modelward.api.reading import InvalidManifestError, read_status
from modelward.control import kinds
from modelward.control.cache import Cache
from modelward.control.evidence_book import EvidenceBook
from modelward.control.settings import Prometheus, Settings
from modelward.signals.alerts import MatchLabels
from modelward.signals.clients import Clients
from modelward.signals.credentials import SecretFile
from modelward.signals.key import Key
from modelward.signals.prometheus import Endpoint
from modelward.signals.telemetry import DeploymentSnapshot, Telemetry
from modelward.signals.webhook import Receiver, Repeats


def clients(settings: Settings) -> Clients:
    """Return a client for each Prometheus in the settings."""
    others = {namespace: _endpoint(one) for namespace, one in settings.prometheus_per_namespace.items()}
    return Clients(_endpoint(settings.prometheus), others)


def _endpoint(settings: Prometheus) -> Endpoint:
    return Endpoint(
        url=settings.url,
        timeout_seconds=settings.timeout_seconds,
        headers=tuple(settings.headers.items()),
        bearer_token_file=settings.bearer_token_file,
        username=settings.username,
        password_file=settings.password_file,
        ca_file=settings.ca_file,
        client_certificate_file=settings.client_certificate_file,
        client_key_file=settings.client_key_file,
    )


def snapshots(cache: Cache, book: EvidenceBook) -> Iterator[DeploymentSnapshot]:
    """Yield every deployment whose evidence is in force, as its metrics show it."""
    for key, entry in book.items():
        record = cache.get(key, kinds.MODEL_DEPLOYMENT, key.name)
        if record is None or entry.ledger is None:
            continue
        try:
            status = read_status(record.manifest())
        except InvalidManifestError:
            continue
        yield DeploymentSnapshot(
            key, entry.uid, status, entry.assessments, entry.ledger.to_samples(), entry.drift
        )


@dataclass(frozen=True, slots=True)
class Directory:
    """What the receiver of alerts asks about deployments."""

    cache: Cache
    book: EvidenceBook
    why_unready: Callable[[], str]

    def deployments(self, namespace: str) -> Iterable[Key]:
        """Return the deployments of a namespace."""
        return [key for key in self.cache.deployments() if key.namespace == namespace]

    def alert_selectors(self, key: Key) -> Sequence[MatchLabels]:
        """Return `rollback.alerts[].matchLabels` of a deployment."""
        return self.book[key].selectors if key in self.book else ()

    def unready(self) -> str:
        """Return why nothing can be taken in now; empty if it can."""
        return self.why_unready()


def alerts_receiver(
    settings: Settings,
    cache: Cache,
    book: EvidenceBook,
    telemetry: Telemetry,
    *,
    hint: Callable[[Key], None],
    unready: Callable[[], str],
) -> Receiver | None:
    """Return the receiver of Alertmanager's notifications; None where none is set up."""
    if settings.alertmanager_webhook is None:
        return None
    return Receiver(
        token=SecretFile(settings.alertmanager_webhook.token_file),
        directory=Directory(cache, book, unready),
        wake=hint,
        repeats=Repeats(time.monotonic),
        telemetry=telemetry,
    )
