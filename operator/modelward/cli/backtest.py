"""`kubectl modelward backtest`: when the operator would have held, promoted or rolled back in the past."""

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console

from modelward.api.objectives import event_config
from modelward.api.quantities import parse_decimal, parse_duration
from modelward.api.spec import ModelDeploymentSpec
from modelward.cli.backtest_report import data, report
from modelward.cli.bins import read_windows
from modelward.cli.evidence_plot import check_name, draw
from modelward.cli.failure import CommandError
from modelward.cli.history import parse_time, read_csv
from modelward.cli.inputs import Inputs
from modelward.cli.policy import read_policy
from modelward.cli.recorded import Recorded
from modelward.cli.replay import Replay
from modelward.cli.team_signals import TeamSignals
from modelward.conventions import BLOCK_SECONDS
from modelward.signals.key import Key

DEFAULT_WINDOW_SECONDS: Final = 86_400
"""Of a policy that names no profile."""
_WIDE: Final = 200


class Format(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


def backtest(  # noqa: PLR0913 - one parameter for each option
    *,
    csv: Annotated[
        Path | None,
        typer.Option(help="File with the columns time (end of a block), revision, objective, good, total."),
    ] = None,
    prometheus: Annotated[str | None, typer.Option(help="Base address of a Prometheus instead.")] = None,
    deployment: Annotated[str, typer.Option(help="NAMESPACE/NAME, with --prometheus.")] = "",
    begin: Annotated[str, typer.Option("--from", help="First time, ISO 8601, with --prometheus.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last time, ISO 8601, with --prometheus.")] = "",
    policy: Annotated[
        Path | None,
        typer.Option(help="ModelDeployment, or a part of its spec; default: one without any settings."),
    ] = None,
    block: Annotated[str, typer.Option(help="Length of a block in the CSV file.")] = f"{BLOCK_SECONDS}s",
    bins: Annotated[
        Path | None,
        typer.Option(help="File with the columns time, feature, counts (of each bin); first a reference."),
    ] = None,
    window: Annotated[
        str, typer.Option(help="Length of a window of inputs, with --bins; the policy's, or 24h.")
    ] = "",
    psi: Annotated[
        str,
        typer.Option(
            help="Stability index above which inputs have drifted, with --bins; the policy's, or 0.2."
        ),
    ] = "",
    plot: Annotated[Path | None, typer.Option(help="Draw the evidence into this .svg or .png.")] = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print.")] = Format.TABLE,
) -> None:
    """Replay the past through the operator's own evidence and decisions."""
    if (csv is None) == (prometheus is None):
        raise CommandError("give either --csv FILE or --prometheus URL.")
    if plot is not None:
        check_name(plot)
    spec = read_policy(policy)
    if csv is not None:
        if deployment or begin or end:
            raise CommandError("--deployment, --from and --to go with --prometheus; leave them out.")
        block_seconds = _whole_seconds("--block", block)
        _refuse_what_only_prometheus_knows(spec, bins)
        signals = TeamSignals()
        history = read_csv(csv, block_seconds, {objective.name for objective in spec.objectives})
    else:
        block_seconds = BLOCK_SECONDS
        recorded = _recorded(str(prometheus), deployment, (begin, end), spec if bins is None else _own(spec))
        history, signals = recorded.read(), recorded.signals
    replay = Replay(spec, block_seconds, _inputs(bins, window, psi, spec), signals)
    replay.run(history)
    if not replay.blocks:
        raise CommandError("there is no block in that history.")
    if plot is not None:
        draw(replay.curves.lines(), replay.inputs.curves.lines(), replay.entries, plot)
    if output is Format.JSON:
        typer.echo(orjson.dumps(data(replay), option=orjson.OPT_INDENT_2))
        return
    console = Console()
    (console if console.is_terminal else Console(width=_WIDE)).print(report(replay))


def _whole_seconds(option: str, text: str) -> int:
    try:
        seconds = parse_duration(text).total_seconds()
    except ValueError as error:
        raise CommandError(f"{option} {text}: {error}") from error
    if seconds < 1 or seconds % 1:
        raise CommandError(f"{option} {text}: write whole seconds, for instance 5s or 24h")
    return int(seconds)


def _inputs(bins: Path | None, window: str, psi: str, spec: ModelDeploymentSpec) -> Inputs:
    if bins is None:
        if window or psi:
            raise CommandError("--window and --psi go with --bins FILE; leave them out.")
        return Inputs()
    drift = spec.drift
    try:
        threshold = float(parse_decimal(psi) if psi else drift.psi_threshold)
    except ValueError as error:
        raise CommandError(f"--psi {psi}: {error}") from error
    of_policy = int(drift.window_length.total_seconds()) if drift.profile else DEFAULT_WINDOW_SECONDS
    return Inputs(read_windows(bins, _whole_seconds("--window", window) if window else of_policy, threshold))


def _recorded(url: str, deployment: str, span: tuple[str, str], spec: ModelDeploymentSpec) -> Recorded:
    namespace, slash, name = deployment.partition("/")
    if not (namespace and slash and name):
        raise CommandError("--prometheus needs --deployment NAMESPACE/NAME.")
    try:
        first, last = (int(parse_time(text).timestamp()) for text in span)
    except ValueError as error:
        raise CommandError(f"--prometheus needs --from and --to: {error}.") from error
    if last <= first:
        raise CommandError("--to must be after --from.")
    aligned = (math.ceil(first / BLOCK_SECONDS) * BLOCK_SECONDS, last // BLOCK_SECONDS * BLOCK_SECONDS)
    configs = {objective.name: event_config(objective) for objective in spec.objectives}
    return Recorded(url, Key(namespace, name), spec, configs, aligned, BLOCK_SECONDS)


def _own(spec: ModelDeploymentSpec) -> ModelDeploymentSpec:
    """Leave out the profile: a file tells of the inputs, in place of what was recorded of them."""
    return spec.model_copy(update={"drift": spec.drift.model_copy(update={"profile": None})})


def _refuse_what_only_prometheus_knows(spec: ModelDeploymentSpec, bins: Path | None) -> None:
    fields = {
        "drift.profile": bins is None and spec.drift.profile,
        "drift.detectors": spec.drift.detectors,
        "rollback.alerts": spec.rollback.alerts,
    }
    if asked := [name for name, value in fields.items() if value]:
        raise CommandError(
            f"the policy has {' and '.join(asked)}, of which a CSV file says nothing: replay them with "
            "--prometheus, or leave them out of the --policy; --bins tells of drifted inputs"
        )
