"""The dashboard's panels, and the JSON that Grafana is given. Their data is tested with a Prometheus."""

import json
import re
from typing import Any

import pytest

from dev.dashboard import dashboard
from modelward.render.dashboard.panel import WIDTH, Panel, Source, Target, filled
from modelward.render.dashboard.rows import ANNOTATIONS, ROWS

PANELS = [panel for row in ROWS for panel in row.panels]
VALUES = {"namespace": "shops", "deployment": "shop", "revision": ".+", "__range": "1h"}


def test_variables_are_filled_in() -> None:
    """Each by its value, and none that is only part of another word; one without a value is an error."""
    query = 'm{namespace="$namespace", deployment="$deployment", x="$namespaces"}[$__range]'
    assert filled(query, VALUES) == 'm{namespace="shops", deployment="shop", x="$namespaces"}[1h]'
    with pytest.raises(KeyError):
        filled(query, {"namespace": "shops"})


def test_a_series_is_named_by_its_labels() -> None:
    """A label that a series does not have leaves nothing behind."""
    target = Target("q", "{{revision}} {{source}}")
    assert target.legend_of({"revision": "a", "source": "probe"}) == "a probe"
    assert target.legend_of({"revision": "a"}) == "a"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_a_panel_says_what_it_shows(panel: Panel) -> None:
    """It has a sentence, fits the page, and knows every variable; a query is of the chosen deployment."""
    assert panel.description[-1] in ".?"
    assert 0 < panel.width <= WIDTH
    for target in panel.targets:
        assert "$" not in filled(target.query, VALUES)
        assert panel in ROWS[0].panels or "$deployment" in target.query


def test_grafana_gets_every_panel_with_its_queries() -> None:
    """Rows and panels in order, none over another, each asking what it asks of Prometheus elsewhere."""
    document: dict[str, Any] = json.loads(dashboard())
    drawn = [panel for panel in document["panels"] if panel["type"] != "row"]
    assert [panel["title"] for panel in drawn] == [panel.title for panel in PANELS]
    for given, panel in zip(drawn, PANELS, strict=True):
        assert [target["expr"] for target in given["targets"]] == [each.query for each in panel.targets]
        assert given["fieldConfig"]["defaults"]["unit"] == panel.unit.value
        assert ("cAdvisor" in given["description"]) is (panel.source is Source.EXPORTERS)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in document["panels"]]
    assert len(set(places)) == len(places)


def test_grafana_asks_for_what_queries_leave_open() -> None:
    """Every variable of a query is a variable of the dashboard, and every mark is there."""
    document: dict[str, Any] = json.loads(dashboard())
    offered = {variable["name"] for variable in document["templating"]["list"]} | {"__range"}
    asked = {
        name for panel in PANELS for target in panel.targets for name in re.findall(r"\$(\w+)", target.query)
    }
    assert asked <= offered
    marks = {mark["name"]: mark["expr"] for mark in document["annotations"]["list"]}
    assert marks == {annotation.name: annotation.query for annotation in ANNOTATIONS}


def test_exemplars_are_asked_for_where_there_are_some() -> None:
    """The latency panel's dots are traces; no other query asks for them."""
    document: dict[str, Any] = json.loads(dashboard())
    with_dots = {
        panel["title"]
        for panel in document["panels"]
        for each in panel.get("targets", [])
        if each.get("exemplar")
    }
    assert with_dots == {"Latency"}
