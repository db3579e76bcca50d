"""Which pods a Service selects."""

import pytest

from modelward import conventions as names
from modelward.api.spec import Server
from modelward.decide.placement import Placement, Targets
from modelward.render.services import deployment_service, revision_service, revision_url
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")
SERVER = Server(template={"spec": {"containers": [{"name": "model", "image": "model"}]}})
WHOLE = {names.LABEL_DEPLOYMENT: "shop"}
FIRST = WHOLE | {names.LABEL_REVISION: "shop-a"}
NONE = WHOLE | {names.LABEL_REVISION: "none"}


@pytest.mark.parametrize(
    ("placed", "selected", "selector"),
    [
        (("shop-a",), ("shop-a",), FIRST),
        (("shop-b", "shop-a"), ("shop-a",), FIRST),
        (("shop-a", "shop-b"), ("shop-a", "shop-b"), WHOLE),
        (("shop-a",), (), NONE),
        ((), (), NONE),
    ],
    ids=["one", "one of two", "both in a split", "a first one at its gates", "nothing at all"],
)
def test_the_service_selects_what_traffic_goes_to(
    placed: tuple[str, ...], selected: tuple[str, ...], selector: dict[str, str]
) -> None:
    """One revision at rest, the whole deployment in a split, and no pod where nothing may have traffic."""
    targets = Targets(tuple(Placement(revision, 1) for revision in placed), selected, 1)
    assert deployment_service(IDENTITY, targets, ())["spec"]["selector"] == selector


def test_a_revisions_service_is_where_requests_are_forwarded() -> None:
    """Its address is the URL that a withdrawn monitor is given, and it reaches the monitor's serving port."""
    service = revision_service(IDENTITY, "shop-a", SERVER)
    assert service["spec"]["selector"] == FIRST
    assert service["metadata"]["name"] == "shop-a"
    assert revision_url(IDENTITY, "shop-a") == "http://shop-a.shops.svc:80"
    http, synthetic = service["spec"]["ports"]
    assert (http["port"], http["targetPort"]) == (80, names.PORT_NAME_SERVING)
    assert (synthetic["port"], synthetic["targetPort"]) == (9081, names.PORT_NAME_SYNTHETIC)


def test_grpc_has_a_port_of_its_own_where_a_placed_server_speaks_it() -> None:
    """Beside port 80 there is 8081, marked as HTTP/2; both lead to the monitor, which tells them apart."""
    speaks = SERVER.model_copy(update={"grpc_port": 9000})
    targets = Targets((Placement("shop-a", 1), Placement("shop-b", 1)), ("shop-a",), 1)
    for service in (
        deployment_service(IDENTITY, targets, (SERVER, speaks)),
        revision_service(IDENTITY, "shop-a", speaks),
    ):
        ports = {port["name"]: port for port in service["spec"]["ports"]}
        assert (ports["http"]["port"], ports["http"]["appProtocol"]) == (80, "http")
        assert (ports["grpc"]["port"], ports["grpc"]["appProtocol"]) == (8081, "kubernetes.io/h2c")
        assert ports["http"]["targetPort"] == ports["grpc"]["targetPort"] == names.PORT_NAME_SERVING
