"""`modelward profile`: what the training data is like, for drift, data quality and interpretability."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from modelward.api.binning import DEFAULT_BINS, LEAST_BINS, MAX_BINNED_FEATURES, MAX_BINS
from modelward.api.profile import MAX_PROFILE_BYTES, PROFILE_KEY, Profile, read_profile
from modelward.cli.failure import CommandError
from modelward.conventions import LABEL_DEPLOYMENT


def profile(  # noqa: PLR0913 - one parameter for each option
    table: Annotated[Path, typer.Argument(help="Training data: .parquet, .pq, .csv or .csv.gz.")],
    *,
    out: Annotated[Path, typer.Option(help="File to write, such as profile.json.")],
    label: Annotated[str | None, typer.Option(help="Column with the true value.")] = None,
    prediction: Annotated[str | None, typer.Option(help="Column with what the model answered.")] = None,
    features: Annotated[
        str,
        typer.Option(
            help="Columns in the order of the model's input, with commas between; default: all others."
        ),
    ] = "",
    categorical: Annotated[
        str, typer.Option(help="Columns of numbers that are categories all the same, with commas between.")
    ] = "",
    bins: Annotated[
        int, typer.Option(min=LEAST_BINS, max=MAX_BINS, help="Bins of a feature.")
    ] = DEFAULT_BINS,
    config_map: Annotated[
        str | None,
        typer.Option(
            help="Write a ConfigMap of this name instead, for spec.drift.profile; needs --deployment."
        ),
    ] = None,
    deployment: Annotated[str | None, typer.Option(help="ModelDeployment that the ConfigMap is for.")] = None,
) -> None:
    """Write the profile of training data: bins, ranges, categories, missing values and class shares."""
    if (config_map is None) != (deployment is None):
        raise CommandError("a ConfigMap is of one ModelDeployment: write both --config-map and --deployment")
    made = _built(
        table,
        label=label,
        prediction=prediction,
        features=_names(features),
        categorical=_names(categorical),
        bins=bins,
    )
    text = made.model_dump_json() + "\n"
    if len(text.encode()) > MAX_PROFILE_BYTES:
        raise CommandError(
            f"the profile would have more than {MAX_PROFILE_BYTES} bytes: "
            "name fewer features with --features, or write fewer --bins"
        )
    read_profile(text)  # what is written can be read
    if config_map and deployment:
        text = yaml.safe_dump(_config_map(config_map, deployment, text), sort_keys=False)
    try:
        out.write_text(text)
    except OSError as error:
        raise CommandError(f"cannot write {out}: {error}") from error
    console = Console(stderr=True)
    console.print(f"{out}: {len(made.features)} features of {made.data.rows} rows", highlight=False)
    if len(made.features) > MAX_BINNED_FEATURES:
        console.print(
            f"The first {MAX_BINNED_FEATURES} features are watched for drift: write the ones that matter "
            "first, with --features.",
            highlight=False,
        )


def _built(table: Path, **wanted: Any) -> Profile:  # noqa: ANN401 - passed on to Columns
    try:
        from modelward.profile.build import Columns, ProfileError, build  # noqa: PLC0415 - slow to load
        from modelward.profile.table import UnreadableTableError  # noqa: PLC0415 - the same
    except ImportError as error:
        raise CommandError(f"profile needs {error.name}; install modelward[profile]") from error
    with Progress(
        SpinnerColumn(),
        TextColumn("rows"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as shown:
        task = shown.add_task("", total=None)
        try:
            return build(
                table,
                Columns(**wanted),
                lambda done, total: shown.update(task, completed=done, total=total),
            )
        except (ProfileError, UnreadableTableError) as error:
            raise CommandError(str(error)) from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _config_map(name: str, deployment: str, text: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {LABEL_DEPLOYMENT: deployment}},
        "data": {PROFILE_KEY: text},
    }
