"""A review as one HTML file without external parts; it shows the gates' reports, without their scripts."""

from datetime import datetime
from typing import Final

import jinja2

from modelward.cli import decisions
from modelward.cli.review import text
from modelward.cli.review.answers import WHY
from modelward.cli.review.material import Review
from modelward.cli.wording import counted, criterion, evidence_share

_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("modelward.cli.review", "."),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def page(review: Review, now: datetime) -> str:
    """Return the page."""
    return _ENVIRONMENT.get_template("review.html.j2").render(
        review=review,
        now=now,
        asked=tuple(text.asked(review, now)),
        said=tuple(text.said(review, now)),
        compared=text.compared(review),
        decisions=tuple(decisions.sentences(review.decisions, now)),
        criteria={each.name: criterion(each) for each in review.deployment.spec.objectives},
        counted=counted,
        evidence_share=evidence_share,
        limit=text.limit,
        why=WHY,
        commands=tuple(text.choices(review)),
    )
