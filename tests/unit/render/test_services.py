"""Which pods a Service selects."""

import pytest

from modelward import conventions as names
from modelward.decide.placement import Placement, Targets
from modelward.render.services import deployment_service, revision_service, revision_url
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")
WHOLE = {names.LABEL_DEPLOYMENT: "shop"}
FIRST = WHOLE | {names.LABEL_REVISION: "shop-a"}


@pytest.mark.parametrize(
    ("placed", "selected", "selector"),
    [
        (("shop-a",), ("shop-a",), FIRST),
        (("shop-b", "shop-a"), ("shop-a",), FIRST),
        (("shop-a", "shop-b"), ("shop-a", "shop-b"), WHOLE),
        (("shop-a",), (), FIRST),
        ((), (), WHOLE),
    ],
    ids=["one", "one of two", "both in a split", "none yet: what is placed", "nothing at all"],
)
def test_the_service_selects_what_traffic_goes_to(
    placed: tuple[str, ...], selected: tuple[str, ...], selector: dict[str, str]
) -> None:
    """One revision at rest, the whole deployment in a split."""
    targets = Targets(tuple(Placement(revision, 1) for revision in placed), selected, 1)
    assert deployment_service(IDENTITY, targets)["spec"]["selector"] == selector


def test_a_revisions_service_is_where_requests_are_forwarded() -> None:
    """Its address is the URL that a withdrawn monitor is given, and it reaches the monitor's serving port."""
    service = revision_service(IDENTITY, "shop-a")
    assert service["spec"]["selector"] == FIRST
    assert service["metadata"]["name"] == "shop-a"
    assert revision_url(IDENTITY, "shop-a") == "http://shop-a.shops.svc:80"
    (port,) = service["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, names.PORT_NAME_SERVING)
