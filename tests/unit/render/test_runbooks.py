"""Every alert says what is the matter, and where the runbook has more."""

import re
from pathlib import Path
from typing import Any

import pytest

from modelward.api.binning import DriftConfig, NumericBins
from modelward.render.rules import prometheus_rule
from tests.unit.render import cases

RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks"
EVERYTHING = {
    **cases.FULL,
    "objectives": [
        *cases.FULL["objectives"],
        {"name": "storage", "storage": {"within": "300ms"}, "target": "99%", "onBreach": "Hold"},
    ],
    "drift": {
        "profile": {"configMapName": "shop-profile"},
        "detectors": [{"name": "price", "query": "psi", "threshold": "0.25"}],
    },
}
BINS = DriftConfig(
    profile="0123456789ab",
    columns=1,
    features=(NumericBins(name="price", edges=(1,), reference=(50, 50, 0, 0)),),
)


def alerts() -> dict[str, list[dict[str, Any]]]:
    """Every alert of a deployment that has everything, by name."""
    identity = cases.identity_of("shop")
    rule = prometheus_rule(identity, cases.read(EVERYTHING), cases.PLATFORM, BINS)
    found: dict[str, list[dict[str, Any]]] = {}
    for group in rule["spec"]["groups"]:
        for each in group["rules"]:
            if "alert" in each:
                found.setdefault(each["alert"], []).append(each)
    return found


@pytest.mark.parametrize("name", sorted(alerts()))
def test_an_alert_says_what_is_the_matter(name: str) -> None:
    """It has a summary, a description that names the deployment, a severity and the address of its page."""
    for each in alerts()[name]:
        texts = each["annotations"]
        assert 10 < len(texts["summary"]) < 100
        assert "shop" in texts["summary"]
        assert "shops/shop" in texts["description"]
        assert each["labels"]["severity"] in {"page", "ticket"}
        assert texts["runbook_url"] == f"https://example.com/runbooks/{name}.md"


@pytest.mark.parametrize("name", sorted(alerts()))
def test_an_alert_has_its_page(name: str) -> None:
    """The page says what the alert means, what the operator does, and what a person can do, in steps."""
    page = (RUNBOOKS / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n")
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert headings == ["What it means", "What the operator does", "What to do"]
    assert re.search(r"^1\. ", page, re.MULTILINE)


def test_every_page_is_of_an_alert_and_listed() -> None:
    """No page is left over from an alert that is gone; the overview names each with its severity."""
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"index"}
    assert pages == set(alerts())
    overview = (RUNBOOKS / "index.md").read_text()
    rows = dict(re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| ([a-z ]+) \|", overview, re.MULTILINE))
    severities = {name: {each["labels"]["severity"] for each in found} for name, found in alerts().items()}
    assert {name: set(text.split(" or ")) for name, text in rows.items()} == severities
