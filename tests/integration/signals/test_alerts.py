"""The teams' alerts, as a real Prometheus evaluates them."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from modelward.decide.observation import FiringAlert
from modelward.signals.alerts import firing_alerts
from modelward.signals.answers import NonsenseAnswerError, PrometheusUnavailableError
from modelward.signals.clients import Clients
from modelward.signals.key import Key
from modelward.signals.prometheus import Endpoint
from tests.integration.signals.conditions import until_answered
from tests.integration.signals.exporter import Exporter
from tests.integration.signals.fake_prometheus import FakePrometheus, success
from tests.integration.signals.prometheus_server import PrometheusServer

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def clients(prometheus: PrometheusServer) -> AsyncIterator[Clients]:
    """Ask that Prometheus."""
    async with Clients(prometheus.endpoint) as clients:
        yield clients


async def firing(clients: Clients, namespace: str, **labels: str) -> tuple[FiringAlert, ...]:
    """Alerts that fire now and have these labels."""
    return await firing_alerts(clients, Key(namespace, "web"), [labels], datetime.now(UTC))


async def test_alert_fires_and_is_over(exporter: Exporter, clients: Clients, namespace: str) -> None:
    """A firing alert is found with its revision and beginning, a pending or a past one is not."""
    before = datetime.now(UTC)
    exporter.pages["team"] = (
        f'team_trouble{{namespace="{namespace}",model="m",modelward_revision="web-2"}} 1\n'
        f'team_trouble{{namespace="{namespace}-other",model="m"}} 1\n'
    )

    async def found() -> bool:
        return bool(await firing(clients, namespace, severity="page", model="m"))

    async def over() -> bool:
        return not await found()

    await until_answered(found, "the alert fires")
    (alert,) = await firing(clients, namespace, severity="page", model="m")
    others = await firing(clients, namespace, severity="page", model="another")
    of_other_namespace = await firing(clients, f"{namespace}-other", model="m")
    del exporter.pages["team"]
    await until_answered(over, "the alert is over")

    assert (alert.name, alert.revision) == ("TeamTrouble", "web-2")
    assert before.timestamp() - 1 <= alert.started_at.timestamp() <= time.time()
    assert others == ()
    assert [other.revision for other in of_other_namespace] == [None]


async def test_alert_selected_twice_is_one(exporter: Exporter, clients: Clients, namespace: str) -> None:
    """Selectors that match the same alert give it once."""
    exporter.pages["team"] = f'team_trouble{{namespace="{namespace}",model="m"}} 1\n'
    selectors = [{"severity": "page"}, {"model": "m"}]

    async def found() -> bool:
        return bool(await firing(clients, namespace, model="m"))

    await until_answered(found, "the alert fires")
    alerts = await firing_alerts(clients, Key(namespace, "web"), selectors, datetime.now(UTC))

    assert len(alerts) == 1


async def test_nobody_can_say_is_an_error() -> None:
    """Without an answer it is not known that no alert fires."""
    async with Clients(Endpoint("http://127.0.0.1:1")) as clients:
        with pytest.raises(PrometheusUnavailableError):
            await firing(clients, "team", severity="page")


@pytest.mark.parametrize("began", ["NaN", "-1", "0", "9999999999"])
async def test_beginning_that_cannot_be_is_nonsense(began: str) -> None:
    """An alert from the future (or never) would be compared with the promotion's time: refused."""
    at = datetime.fromtimestamp(1_000_000_000, UTC)
    async with FakePrometheus() as fake, Clients(fake.endpoint()) as clients:
        fake.answer = success([{"metric": {"alertname": "A"}, "value": [1_000_000_000, began]}])
        with pytest.raises(NonsenseAnswerError, match="alert A began at"):
            await firing_alerts(clients, Key("team", "web"), [{"a": "b"}], at)
