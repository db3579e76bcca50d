"""The commands: `kubectl modelward` with `status`, `explain`, `review` and those of other modules."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
import yaml
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from modelward.cli import explanation, gate, status_view
from modelward.cli.access import Access, Scope
from modelward.cli.backtest import backtest
from modelward.cli.dashboard import dashboard
from modelward.cli.failure import CommandError
from modelward.cli.feedback import feedback
from modelward.cli.profile import profile
from modelward.cli.resource import Deployment
from modelward.cli.review.page import page
from modelward.cli.review.sources import Sources
from modelward.cli.review.text import answers, sections

app = typer.Typer(
    name="kubectl-modelward",
    help="What serves, what is being tried, what was rejected and why; and what would have been.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(backtest)
app.command()(dashboard)
app.command()(profile)
app.command()(feedback)
app.add_typer(gate.app, name="gate")

_WIDE: Final = 300


class Format(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace; default: that of the context.")
]
Kubeconfig = Annotated[
    str | None, typer.Option(help="Path of a kubeconfig; default: $KUBECONFIG, then ~/.kube/config.")
]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig; default: its current one.")]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print.")]


@app.command()
def status(  # noqa: PLR0913 - one parameter for each option
    *,
    name: Annotated[str | None, typer.Argument(help="Show this ModelDeployment in full.")] = None,
    namespace: Namespace = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until interrupted.")] = False,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show traffic, objectives, verdicts and evidence: of one ModelDeployment in full, or a line for each."""
    if all_namespaces and name is not None:
        raise CommandError(f"-A shows every deployment: leave out {name!r}, or name its namespace with -n.")
    if watch and output is not Format.TABLE:
        raise CommandError(f"--watch draws a table; leave out --watch or -o {output}.")
    access = Access(kubeconfig, context)
    scope = Scope(None if all_namespaces else namespace or access.namespace, name)
    if watch:
        _watch(access, scope)
        return
    deployments = access.list(scope)
    if output is Format.TABLE:
        _wide_console().print(_tables(deployments, scope, _now()))
    else:
        _print_data(_objects(deployments, scope), output)


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="The ModelDeployment to explain.")],
    *,
    namespace: Namespace = None,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Say what serves, what was rejected and why, with the numbers, and what happens next."""
    access = Access(kubeconfig, context)
    (deployment,) = access.list(Scope(namespace or access.namespace, name))
    found = explanation.explain(deployment, _now(), access.decisions(deployment))
    if output is Format.TABLE:
        console = Console()
        (console if console.is_terminal else _wide_console()).print(sentences(deployment, found))
    else:
        _print_data([asdict(section) for section in found], output)


@app.command()
def review(
    name: Annotated[str, typer.Argument(help="The ModelDeployment whose revision is to be judged.")],
    *,
    revision: Annotated[str, typer.Option(help="Default: the one that a person is asked about.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Where to write the page; default: REVISION.review.html here.")
    ] = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show what a person needs to see before saying yes or no, here and as one page with the gates' plots."""
    access = Access(kubeconfig, context)
    (deployment,) = access.list(Scope(namespace or access.namespace, name))
    found = Sources(access).review(deployment, revision)
    file = out or Path(f"{found.revision}.review.html")
    try:
        file.write_text(page(found, _now()), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write the page: {error}\nGive another place with --out.") from error
    console = Console()
    shown = sentences(deployment, sections(found, _now()))
    (console if console.is_terminal else _wide_console()).print(shown)
    typer.echo(f"\nThe page with the plots: {file}\n\n{answers(found)}", nl=False)


def sentences(deployment: Deployment, found: Sequence[explanation.Section]) -> RenderableType:
    """Return an explanation as paragraphs under headings."""
    title = f"{deployment.namespace}/{deployment.name}: {deployment.status.phase}"
    parts: list[RenderableType] = [Text(title, "bold")]
    for section in found:
        parts += [Text(), Text(section.title, "bold cyan")]
        parts += [Padding(Text(line), (0, 0, 0, 2), expand=False) for line in section.lines]
    return Group(*parts)


def _watch(access: Access, scope: Scope) -> None:
    """Draw the table again with each change and each second; on a pipe, print it with each change."""
    console = Console()
    if not console.is_terminal:
        console = _wide_console()
    changes = access.follow(scope)
    current = next(changes)
    if not current and scope.name is not None:
        access.list(scope)  # says what is wrong with the name
    if not console.is_terminal:
        console.print(_tables(current, scope, _now()))
        for current in changes:
            console.print(Text(), _tables(current, scope, _now()), sep="\n")
        return
    screen = Live(
        console=console, refresh_per_second=1, get_renderable=lambda: _tables(current, scope, _now())
    )
    with screen:
        for current in changes:  # noqa: B007 - drawn by get_renderable
            screen.refresh()


def _wide_console() -> Console:
    """Return a console that cuts nothing off: a narrow terminal breaks the lines, a pipe gets them whole."""
    return Console(width=_WIDE)


def _tables(deployments: Sequence[Deployment], scope: Scope, now: datetime) -> RenderableType:
    if scope.name is None:
        return status_view.summary(deployments, now)
    if not deployments:
        return Text(f"{scope.name} was deleted.")
    return status_view.detail(deployments[0], now)


def _objects(deployments: Sequence[Deployment], scope: Scope) -> Mapping[str, Any]:
    """Return the object itself when it was named, else a List, as kubectl does."""
    if scope.name is not None:
        return deployments[0].manifest
    return {"apiVersion": "v1", "kind": "List", "items": [each.manifest for each in deployments]}


def _print_data(data: object, output: Format) -> None:
    if output is Format.JSON:
        typer.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2))
    else:
        typer.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    """Run the command; an error is a text on stderr and exit code 1."""
    try:
        app()
    except CommandError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {escape(str(error))}", highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
