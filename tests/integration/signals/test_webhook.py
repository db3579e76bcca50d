"""Alertmanager's webhook: what a real Alertmanager sends, and what anyone else might."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio
import yaml

from dev.cluster import processes, programs
from dev.cluster.controlplane import free_ports
from modelward.conventions import PATH_ALERTS
from modelward.signals.alerts import MatchLabels
from modelward.signals.credentials import SecretFile
from modelward.signals.key import Key
from modelward.signals.server import Readiness, Server
from modelward.signals.telemetry import Telemetry
from modelward.signals.webhook import MAX_BODY_BYTES, Receiver, Repeats
from tests.integration.signals.conditions import until, until_answered

pytestmark = pytest.mark.integration

WEB = Key("team", "web")
TOKEN = {"Authorization": "Bearer secret-token"}


@dataclass(slots=True)
class Deployments:
    """The deployments there are, with their rollback.alerts."""

    selectors: dict[Key, list[dict[str, str]]] = field(default_factory=lambda: {WEB: []})
    why_not: str = ""

    def deployments(self, namespace: str) -> Iterable[Key]:
        """Those of a namespace."""
        return [key for key in self.selectors if key.namespace == namespace]

    def alert_selectors(self, key: Key) -> Sequence[MatchLabels]:
        """Of one of them."""
        return self.selectors[key]

    def unready(self) -> str:
        """Why nothing can be taken in."""
        return self.why_not


@dataclass(slots=True)
class Operator:
    """The receiving end: its server, what it knows, and whom it woke."""

    deployments: Deployments
    token_file: Path
    woken: list[Key] = field(default_factory=list)
    telemetry: Telemetry = field(default_factory=Telemetry)
    now: float = 0.0
    server: Server = field(init=False)

    def __post_init__(self) -> None:
        """Put the server together."""
        receiver = Receiver(
            SecretFile(self.token_file),
            self.deployments,
            self.woken.append,
            Repeats(lambda: self.now),
            self.telemetry,
        )
        self.server = Server(
            self.telemetry, tuple, lambda: Readiness(True, True), receiver, "127.0.0.1", 0, 0
        )

    @property
    def url(self) -> str:
        """Where notifications go."""
        return f"http://127.0.0.1:{self.server.alerts_port}{PATH_ALERTS}"

    def alerts(self, outcome: str) -> float:
        """How many alerts had this outcome."""
        found = self.telemetry.registry.get_sample_value(
            "modelward_webhook_alerts_total", {"outcome": outcome}
        )
        return found or 0.0


@pytest_asyncio.fixture
async def operator(token_file: Path) -> AsyncIterator[Operator]:
    """Run the operator's server on free ports."""
    operator = Operator(Deployments(), token_file)
    await operator.server.start()
    yield operator
    await operator.server.close()


def alert(status: str = "firing", fingerprint: str = "f1", **labels: str) -> dict[str, Any]:
    """One alert of a notification, about the deployment web unless labels say otherwise."""
    return {
        "status": status,
        "labels": {"alertname": "A", "namespace": "team", "modelward_deployment": "web", **labels},
        "annotations": {},
        "startsAt": "2026-01-01T00:00:00.5Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": fingerprint,
    }


def unnamed(**labels: str) -> dict[str, Any]:
    """An alert of the team's own, which names no deployment."""
    found = alert(**labels)
    del found["labels"]["modelward_deployment"]
    return found


def notification(*alerts: dict[str, Any], **more: Any) -> bytes:
    """A notification as Alertmanager writes it."""
    return orjson.dumps(
        {
            "version": "4",
            "groupKey": "{}:{}",
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "r",
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "",
            "alerts": alerts,
            **more,
        }
    )


async def post(operator: Operator, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Send a body; the status and text of the answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(operator.url, data=body, headers=TOKEN if headers is None else headers) as response,
    ):
        return response.status, await response.text()


async def test_alert_wakes_the_deployment_that_it_names(operator: Operator) -> None:
    """Firing or resolved, the deployment named by namespace and label is looked at."""
    assert await post(operator, notification(alert())) == (200, "taken in: woken\n")
    assert await post(operator, notification(alert("resolved"))) == (200, "taken in: woken\n")
    assert operator.woken == [WEB, WEB]


async def test_same_alert_again_does_not_wake_again_soon(operator: Operator) -> None:
    """Replicas of Alertmanager each send theirs: one wakes, later a repetition does again."""
    await post(operator, notification(alert(), alert()))
    await post(operator, notification(alert()))
    operator.now = 31.0
    await post(operator, notification(alert()))

    assert operator.woken == [WEB, WEB]
    assert (operator.alerts("woken"), operator.alerts("repeated")) == (2, 2)


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        (alert(modelward_deployment="another"), "unknown_deployment"),
        (alert(namespace="foreign"), "foreign_namespace"),
        (alert(namespace=""), "foreign_namespace"),
        (unnamed(severity="page"), "unmatched"),
    ],
)
async def test_alert_of_nobody_here_is_refused_and_counted(
    operator: Operator, sent: dict[str, Any], outcome: str
) -> None:
    """It wakes nobody; the answer is 200, because sending it again would not help, and others go through."""
    status, text = await post(operator, notification(sent, alert()))

    assert (status, text) == (200, f"taken in: {outcome}, woken\n")
    assert operator.woken == [WEB]
    assert operator.alerts(outcome) == 1


async def test_teams_own_alert_is_matched_in_its_namespace_only(operator: Operator) -> None:
    """Without a deployment's label, rollback.alerts of the deployments in the alert's namespace select it."""
    shop = Key("team", "shop")
    operator.deployments.selectors = {
        WEB: [{"severity": "page", "model": "m"}],
        shop: [{"severity": "none"}, {"model": "m"}],
        Key("other", "web"): [{"model": "m"}],
    }

    await post(operator, notification(unnamed(severity="page", model="m")))
    await post(operator, notification(unnamed(severity="ticket", model="m") | {"fingerprint": "f2"}))

    assert operator.woken == [WEB, shop, shop]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "secret-token"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer secret-tokenx"},
        {"Authorization": "Basic c2VjcmV0LXRva2Vu"},
    ],
)
async def test_wrong_token_is_401(operator: Operator, headers: dict[str, str]) -> None:
    """Nobody without the token wakes anything."""
    status, text = await post(operator, notification(alert()), headers)

    assert status == 401
    assert "bearer token" in text
    assert operator.woken == []


async def test_new_token_is_used_without_a_restart(operator: Operator) -> None:
    """After the Secret has changed only the new token is taken."""
    await post(operator, notification(alert()))
    operator.token_file.write_text("a-new-token")

    assert (await post(operator, notification(alert())))[0] == 401
    assert (await post(operator, notification(alert()), {"Authorization": "Bearer a-new-token"}))[0] == 200


@pytest.mark.parametrize("content", [None, "", " \n"])
async def test_token_that_cannot_be_read_lets_nobody_in(operator: Operator, content: str | None) -> None:
    """A missing or empty file is no empty token: 503, so that nothing is lost until it is put right."""
    if content is None:
        operator.token_file.unlink()
    else:
        operator.token_file.write_text(content)

    status, text = await post(operator, notification(alert()), {"Authorization": "Bearer "})

    assert status == 503
    assert str(operator.token_file) in text


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "the body"),
        (b"<xml/>", "the body"),
        (b"[]", "the body"),
        (notification(version="3"), "version"),
        (notification(alerts="none"), "alerts"),
        (notification(alert() | {"labels": {"a": 1}}), "alerts.0.labels.a"),
        (notification(alert() | {"labels": None}), "alerts.0.labels"),
        (notification(alert("smouldering")), "alerts.0.status"),
        (notification(alert() | {"startsAt": "yesterday"}), "alerts.0.startsAt"),
        (notification(alert() | {"fingerprint": ""}), "alerts.0.fingerprint"),
    ],
)
async def test_what_is_no_notification_is_400(operator: Operator, body: bytes, where: str) -> None:
    """The answer names the place; nothing of the batch is taken in."""
    status, text = await post(operator, body)

    assert status == 400
    assert f"{where}: " in text
    assert operator.woken == []


async def test_large_body_is_413(operator: Operator) -> None:
    """More than 1 MiB is not read."""
    status, _ = await post(operator, notification(alert(padding="x" * MAX_BODY_BYTES)))

    assert status == 413
    assert operator.woken == []


async def test_only_post_to_the_one_path(operator: Operator) -> None:
    """Nothing else is served on that port: not metrics, not other methods."""
    async with aiohttp.ClientSession() as session:
        base = f"http://127.0.0.1:{operator.server.alerts_port}"
        async with session.get(operator.url) as got, session.get(f"{base}/metrics") as metrics:
            assert (got.status, metrics.status) == (405, 404)


@dataclass(slots=True)
class Alertmanager:
    """A real Alertmanager that sends to one address."""

    folder: Path
    port: int
    url: str
    token_file: Path

    def start(self) -> None:
        """Start it."""
        config = {
            "route": {
                "receiver": "modelward",
                "group_wait": "0s",
                "group_interval": "1s",
                "group_by": ["..."],
            },
            "receivers": [
                {
                    "name": "modelward",
                    "webhook_configs": [
                        {
                            "url": self.url,
                            "http_config": {"authorization": {"credentials_file": str(self.token_file)}},
                        }
                    ],
                }
            ],
        }
        (self.folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
        command: list[str | Path] = [
            programs.find("alertmanager"),
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        processes.start(self.folder, "alertmanager", processes.dying_with_parent(command))

    async def fires(self, **labels: str) -> bool:
        """Tell it of a firing alert, as Prometheus does; whether it took it."""
        starts_at = datetime.fromtimestamp(time.time(), UTC).isoformat()
        alerts = [{"labels": {"alertname": "A", **labels}, "startsAt": starts_at}]
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"http://127.0.0.1:{self.port}/api/v2/alerts", json=alerts) as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, OSError):
            return False


@contextmanager
def sending_to(url: str, token_file: Path, folder: Path) -> Iterator[Alertmanager]:
    """Run an Alertmanager that sends to an address."""
    alertmanager = Alertmanager(folder, free_ports(1)[0], url, token_file)
    alertmanager.start()
    try:
        yield alertmanager
    finally:
        processes.stop(folder, "alertmanager", grace_seconds=10)


@pytest.fixture
def alertmanager(operator: Operator, tmp_path: Path) -> Iterator[Alertmanager]:
    """Run an Alertmanager that sends to the operator."""
    with sending_to(operator.url, operator.token_file, tmp_path) as alertmanager:
        yield alertmanager


@asynccontextmanager
async def balanced(*ports: int) -> AsyncIterator[int]:
    """Give each connection in turn to one of these ports, as a Service does; yield the port to connect to."""
    turns = itertools.cycle(ports)

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", next(turns))
        await asyncio.gather(carry(reader, forth), carry(back, writer))

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_real_alertmanager_wakes(operator: Operator, alertmanager: Alertmanager) -> None:
    """What Alertmanager sends is understood, its token is taken, and the deployment is woken."""
    await until_answered(
        lambda: alertmanager.fires(namespace="team", modelward_deployment="web"),
        "Alertmanager takes the alert",
    )
    await until(lambda: WEB in operator.woken, "the deployment is woken")

    assert operator.alerts("woken") == 1


async def test_real_alertmanager_tries_again_until_taken_in(
    operator: Operator, alertmanager: Alertmanager
) -> None:
    """While nothing can be taken in the answer is 503, and Alertmanager sends again by itself."""
    operator.deployments.why_not = "this operator is not the leader"

    def refused() -> float:
        labels = {"code": "503"}
        return operator.telemetry.registry.get_sample_value("modelward_webhook_requests_total", labels) or 0

    await until_answered(
        lambda: alertmanager.fires(namespace="team", modelward_deployment="web"),
        "Alertmanager takes the alert",
    )
    await until(lambda: refused() >= 2, "Alertmanager was refused and has tried again")
    assert operator.woken == []
    operator.deployments.why_not = ""
    await until(lambda: WEB in operator.woken, "the deployment is woken")


async def test_real_alertmanager_gets_past_a_replica_that_stands_by(
    operator: Operator, tmp_path: Path
) -> None:
    """A refusal ends its connection, so that the next try may reach the replica that leads."""
    standby = Operator(Deployments(why_not="this operator is not the leader"), operator.token_file)
    await standby.server.start()
    try:
        async with balanced(standby.server.alerts_port, operator.server.alerts_port) as port:
            url = f"http://127.0.0.1:{port}{PATH_ALERTS}"
            with sending_to(url, operator.token_file, tmp_path) as alertmanager:
                await until_answered(
                    lambda: alertmanager.fires(namespace="team", modelward_deployment="web"),
                    "Alertmanager takes the alert",
                )
                await until(
                    lambda: WEB in operator.woken, "the deployment is woken by the replica that leads"
                )
    finally:
        await standby.server.close()
