"""Prometheus behind TLS: whom the client trusts, and how it shows who it is."""

import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from dev.cluster import certificates
from modelward.signals.answers import PrometheusUnavailableError
from modelward.signals.prometheus import Endpoint, Prometheus
from tests.integration.signals.fake_prometheus import FakePrometheus

NOW = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Secured:
    """A server that asks its clients for a certificate, and the one that signs both."""

    url: str
    certificate: Path
    key: Path


@pytest_asyncio.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Secured]:
    """Serve with TLS."""
    made = certificates.ensure(tmp_path / "keys", ["IP:127.0.0.1"], {})
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=made.certificate)
    context.load_cert_chain(made.certificate, made.key)
    context.verify_mode = ssl.CERT_REQUIRED
    async with FakePrometheus(tls=context) as fake:
        yield Secured(fake.url, made.certificate, made.key)


async def test_known_on_both_sides_is_answered(secured: Secured) -> None:
    """With the right authority and a client certificate a query is answered."""
    endpoint = Endpoint(
        secured.url,
        ca_file=secured.certificate,
        client_certificate_file=secured.certificate,
        client_key_file=secured.key,
    )
    async with Prometheus(endpoint) as prometheus:
        assert await prometheus.instant("up", NOW) == ()


async def test_unknown_server_is_not_asked(secured: Secured) -> None:
    """A certificate that the system's authorities did not sign is refused, with that as the reason."""
    async with Prometheus(Endpoint(secured.url)) as prometheus:
        with pytest.raises(PrometheusUnavailableError, match="certificate"):
            await prometheus.instant("up", NOW)


async def test_unknown_client_is_unavailable(secured: Secured) -> None:
    """Without the certificate that the server asks for there is no answer."""
    async with Prometheus(Endpoint(secured.url, ca_file=secured.certificate)) as prometheus:
        with pytest.raises(PrometheusUnavailableError, match="cannot be asked"):
            await prometheus.instant("up", NOW)


async def test_new_authority_is_used_without_a_restart(secured: Secured, tmp_path: Path) -> None:
    """The authority's file is read again when it changes; a missing one is Unavailable, not an exception."""
    authority = tmp_path / "ca.crt"
    endpoint = Endpoint(
        secured.url,
        ca_file=authority,
        client_certificate_file=secured.certificate,
        client_key_file=secured.key,
    )
    async with Prometheus(endpoint) as prometheus:
        with pytest.raises(PrometheusUnavailableError, match=r"ca\.crt"):
            await prometheus.instant("up", NOW)
        shutil.copy(certificates.ensure(tmp_path / "others", ["IP:127.0.0.1"], {}).certificate, authority)
        with pytest.raises(PrometheusUnavailableError, match="certificate"):
            await prometheus.instant("up", NOW)
        shutil.copy(secured.certificate, authority)
        assert await prometheus.instant("up", NOW) == ()
