"""`modelward dashboard`: the dashboard's panels as one page, for those who have Prometheus and no Grafana."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from modelward.api.quantities import format_duration, parse_duration
from modelward.cli.dashboard_page import Answer, Drawing, page
from modelward.cli.failure import CommandError
from modelward.render.dashboard.panel import Annotation, Kind, Target, filled
from modelward.render.dashboard.rows import ANNOTATIONS, ROWS
from modelward.signals.answers import Grid, NoAnswerError, Series
from modelward.signals.prometheus import Endpoint, Prometheus

STEPS: Final = 240
"""Points of a line."""
_EVERY_REVISION: Final = ".+"
_LONGEST: Final = timedelta(days=31)


def dashboard(
    deployment: Annotated[str, typer.Argument(help="NAMESPACE/NAME of the ModelDeployment.")],
    *,
    prometheus: Annotated[str, typer.Option(help="Base address of Prometheus.")],
    out: Annotated[Path, typer.Option(help="The page to write, such as dashboard.html.")],
    last: Annotated[str, typer.Option(help="How far back it shows, such as 30m or 6h.")] = "1h",
    revision: Annotated[str, typer.Option(help="Regular expression of the revisions.")] = _EVERY_REVISION,
) -> None:
    """Draw the dashboard of a ModelDeployment as a page that needs nothing else to be looked at."""
    namespace, separator, name = deployment.partition("/")
    if not (namespace and separator and name):
        raise CommandError(f"{deployment!r} is no deployment: write NAMESPACE/NAME")
    span = _span(last)
    end = time.time()
    step = max(1.0, span / STEPS)
    grid = Grid(end - step * STEPS, end, step)
    values = {
        "namespace": namespace,
        "deployment": name,
        "revision": revision.replace("\\", "\\\\"),
        "__range": format_duration(timedelta(seconds=round(span))),
    }
    drawing = asyncio.run(_ask(prometheus, values, grid, deployment))
    if not any(answer.series for answer in drawing.answers.values()):
        raise CommandError(
            f"{prometheus} has nothing of {deployment}: is it the Prometheus that scrapes its pods, and the "
            "name right? kubectl modelward status -A shows what there is"
        )
    try:
        out.write_text(page(drawing), encoding="utf-8")
    except ImportError as error:
        raise CommandError("dashboard needs matplotlib; install modelward[plot]") from error
    except OSError as error:
        raise CommandError(f"cannot write {out}: {error}") from error
    typer.echo(f"wrote {out}")


def _span(text: str) -> float:
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise CommandError(f"--last {text}: {error}") from error
    if not timedelta(minutes=1) <= span <= _LONGEST:
        raise CommandError(f"--last {text}: write a duration from 1m to {_LONGEST.days * 24}h")
    return span.total_seconds()


async def _ask(url: str, values: Mapping[str, str], grid: Grid, title: str) -> Drawing:
    panels = [panel for row in ROWS for panel in row.panels]
    asked = [(target, panel.kind) for panel in panels for target in panel.targets]
    async with Prometheus(Endpoint(url)) as client:
        answers = await asyncio.gather(
            *(_answer(client, target.query, kind, values, grid) for target, kind in asked)
        )
        marks = await asyncio.gather(
            *(_answer(client, each.query, Kind.LINES, values, grid) for each in ANNOTATIONS)
        )
    return Drawing(
        title=title,
        grid=grid,
        answers=_by_target([target for target, _ in asked], answers),
        marks=_by_annotation(answers=marks),
    )


async def _answer(
    client: Prometheus, query: str, kind: Kind, values: Mapping[str, str], grid: Grid
) -> Answer:
    try:
        if kind in {Kind.TABLE, Kind.CONFUSION}:
            return Answer(await client.instant(filled(query, values), grid.end))
        return Answer(await client.range(filled(query, values), grid))
    except NoAnswerError as error:
        return Answer(problem=str(error))


def _by_target(targets: Sequence[Target], answers: Sequence[Answer]) -> dict[Target, Answer]:
    return dict(zip(targets, answers, strict=True))


def _by_annotation(answers: Sequence[Answer]) -> dict[Annotation, tuple[Series, ...]]:
    return {annotation: answer.series for annotation, answer in zip(ANNOTATIONS, answers, strict=True)}
