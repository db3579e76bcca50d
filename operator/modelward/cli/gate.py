"""`modelward gate run`: runs gates against an endpoint, on a laptop or in CI."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from modelward import conventions as names
from modelward.api.gateverdict import Result
from modelward.cli.failure import CommandError

app = typer.Typer(help="What a candidate must pass before it gets traffic.", no_args_is_help=True)

_STYLES: Final = {
    Result.PASSED: "green",
    Result.FAILED: "bold red",
    Result.ERROR: "bold yellow",
    Result.NOT_RUN: "dim",
}
_WIDE: Final = 200


@app.callback()
def gate() -> None:
    """What a candidate must pass before it gets traffic."""


@app.command()
def run(  # noqa: PLR0913 - one parameter for each option
    *,
    file: Annotated[Path, typer.Option(help="Gates, and what they are measured by; see docs/gates.md.")],
    endpoint: Annotated[str, typer.Option(help="Base address of the model server, http://HOST:PORT.")],
    stable_endpoint: Annotated[
        str | None, typer.Option(help="That of the revision that serves, to compare with.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Address of the model's file, or of what inference.modelFile is in: for exact SHAP values "
            "of trees, and for gradients."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of every draw.")] = 0,
    memory_mib: Annotated[int, typer.Option(min=64, help="Most memory that a gate may take, in MiB.")] = 1024,
    output: Annotated[Path, typer.Option(help="Folder for verdict.json and report.html.")] = Path(
        "gate-report"
    ),
) -> None:
    """Run gates; exit with 0 (passed), 3 (failed) or 1 (a gate has no answer)."""
    try:
        from modelward.gates import outcome, process, runner  # noqa: PLC0415 - the extra may not be installed
        from modelward.gates.configuration import GateFileError, read_gate_file  # noqa: PLC0415 - the same
    except ImportError as error:
        message = f"gates need the extra gates ({error.name} is missing): install modelward[cli,gates]."
        raise CommandError(message) from error
    try:
        gates = read_gate_file(file)
    except GateFileError as error:
        raise CommandError(str(error)) from error
    asked = runner.Run(
        file=gates,
        folder=file.parent,
        endpoint=endpoint,
        stable_endpoint=stable_endpoint,
        model_uri=model,
        seed=seed,
        memory_mib=memory_mib,
    )
    try:
        output.mkdir(parents=True, exist_ok=True)  # before what takes minutes
    except OSError as error:
        raise CommandError(f"--output {output} is no folder to write to: {error}") from error
    process.end_on_sigterm()
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    finished = []
    with console.status("running") as status:
        done = runner.run_gates(asked)
        for each in gates.gates:
            status.update(f"running {each.name}")
            finished.append(next(done))
    verdict = runner.verdict(asked, finished)
    outcome.write(output, verdict, finished)
    table = Table(box=None, pad_edge=False)
    for heading in ("GATE", "RESULT", "TIME", "MEMORY", "WHY"):
        table.add_column(heading, overflow="fold")
    for result in verdict.gates:
        took = result.usage
        table.add_row(
            result.name,
            f"[{_STYLES[result.result]}]{result.result}[/]",
            "" if took is None else f"{took.seconds:.1f} s",
            "" if took is None else f"{took.peak_memory_mib:.0f} MiB",
            escape(result.message),
        )
    console.print(table)
    console.print(f"\n{verdict.result}: {output / names.FILE_REPORT}", highlight=False)
    sys.exit(outcome.EXIT_CODES[verdict.result])
