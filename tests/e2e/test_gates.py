"""Gates and people on a real cluster: bad candidates get no request, and people's word decides."""

from collections.abc import Iterator

import pytest

from dev.demo.cluster import Cluster
from dev.demo.gates.__main__ import differences
from dev.demo.gates.story import Story
from tests.e2e.conftest import namespace_of, stage_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(5400)]

REQUESTS_PER_SECOND = 10
"""Other tests compute on the same machine."""


@pytest.fixture
def gated(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Story]:
    """A namespace of the test's own, with its people."""
    stage = stage_of(cluster, namespace_of(request.node.name))
    stage.clear()
    story = Story(stage, REQUESTS_PER_SECOND)
    story.prepare()
    yield story
    stage.cluster.kubectl("delete", "namespace", stage.namespace, "--wait=false")


def test_bad_candidates_get_no_request_and_people_decide(gated: Story) -> None:
    """Each bad model fails its gate; a good one waits for two people, serves, and goes by a third's no."""
    gated.run()
    assert [step.expected for step in gated.steps][-2:] == [
        "the version before has all traffic",
        "it is rejected with her reason",
    ]
    assert differences(gated.stage.end_replay()) == ""
