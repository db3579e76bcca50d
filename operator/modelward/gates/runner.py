"""Runs gates one after the other, each in a process of its own, and says what came of them."""

import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from modelward.api.gates import Gate, GateFile, GateKind, OnFailure
from modelward.api.gateverdict import ErrorReason, GateResult, Result, RunVerdict, Usage
from modelward.gates.contract import NoAnswer, judge
from modelward.gates.findings import Figure
from modelward.gates.process import Ended, Limits, run_limited
from modelward.gates.task import FILE_COUNTS, FILE_FIGURES, Comparisons, Counts, Figures, Task

MEASURED: Final = frozenset({GateKind.DATA_QUALITY, GateKind.INTERPRETABILITY, GateKind.ROBUSTNESS})
"""Kinds that run here; others need the cluster."""
DEFAULT_MEMORY_MIB: Final = 1024
_LIBRARIES: Final = (
    "adversarial-robustness-toolbox",
    "modelward",
    "numpy",
    "pandas",
    "pandera",
    "scikit-learn",
    "scipy",
    "shap",
)


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be run.

    Args:
        file: the gates and their data.
        folder: where addresses without a scheme are.
        endpoint: base address of the candidate.
        stable_endpoint: of the revision that serves; None where nothing is compared with it.
        comparisons: what becomes of comparisons where it is None.
        model_uri: address of the candidate, or of its file; None where it is not known.
        seed: of every draw.
        memory_mib: most resident memory of each gate.
    """

    file: GateFile
    folder: Path
    endpoint: str
    stable_endpoint: str | None = None
    comparisons: Comparisons = Comparisons.NEEDED
    model_uri: str | None = None
    seed: int = 0
    memory_mib: float = DEFAULT_MEMORY_MIB


@dataclass(frozen=True, slots=True)
class Finished:
    """A gate that has ended, with its pictures."""

    result: GateResult
    figures: tuple[Figure, ...]


def run_gates(run: Run) -> Iterator[Finished]:
    """Run each gate, in order, and yield what came of it."""
    for gate in run.file.gates:
        yield _run_gate(run, gate)


def verdict(run: Run, finished: Sequence[Finished]) -> RunVerdict:
    """Return what a run of gates says."""
    return RunVerdict(
        result=_overall([each.result for each in finished]),
        seed=run.seed,
        endpoint=run.endpoint,
        stable_endpoint=run.stable_endpoint,
        model=run.model_uri,
        versions=_versions(),
        configuration=f"sha256:{sha256(run.file.model_dump_json().encode()).hexdigest()}",
        gates=tuple(each.result for each in finished),
    )


def _overall(
    results: Sequence[GateResult],
) -> Literal[Result.PASSED, Result.FAILED, Result.ERROR]:
    if any(each.result is Result.ERROR for each in results) or all(
        each.result is Result.NOT_RUN for each in results
    ):
        return Result.ERROR
    failed = [each for each in results if each.result is Result.FAILED]
    return Result.FAILED if any(each.on_failure is not OnFailure.WARN for each in failed) else Result.PASSED


def _run_gate(run: Run, gate: Gate) -> Finished:
    if gate.kind not in MEASURED:
        message = f"a gate of kind {gate.kind} needs the cluster: nothing was asked here"
        return Finished(_result(gate, Result.NOT_RUN, message=message), ())
    limits = Limits(gate.time_limit.total_seconds(), run.memory_mib)
    with tempfile.TemporaryDirectory(prefix="modelward-gate-") as name:
        output = Path(name)
        task = Task(
            gate=gate.name,
            file=run.file,
            folder=run.folder.absolute(),
            output=output,
            endpoint=run.endpoint,
            stable_endpoint=run.stable_endpoint,
            comparisons=run.comparisons,
            model_uri=run.model_uri,
            seed=run.seed,
        )
        command = [sys.executable, "-m", "modelward.gates.measure"]
        ended = run_limited(command, task.model_dump_json().encode(), limits, output)
        said = judge(ended, limits, output)
        usage = _usage(ended, output)
        if isinstance(said, NoAnswer):
            return Finished(
                _result(gate, Result.ERROR, message=said.message, reason=said.reason, usage=usage), ()
            )
        result = _result(gate, said.result, message=said.message, usage=usage)
        return Finished(result.model_copy(update={"checks": said.checks}), _figures(output))


def _result(
    gate: Gate,
    result: Result,
    *,
    message: str,
    reason: ErrorReason | None = None,
    usage: Usage | None = None,
) -> GateResult:
    return GateResult(
        name=gate.name,
        kind=gate.kind,
        on_failure=gate.failure_policy,
        result=result,
        reason=reason,
        message=message,
        usage=usage,
    )


def _figures(output: Path) -> tuple[Figure, ...]:
    """Return what the gate has drawn; a verdict holds without it."""
    try:
        return Figures.model_validate_json((output / FILE_FIGURES).read_bytes()).figures
    except (OSError, ValidationError):
        return ()


def _usage(ended: Ended, output: Path) -> Usage:
    try:
        counts = Counts.model_validate_json((output / FILE_COUNTS).read_bytes())
    except (OSError, ValidationError):
        counts = Counts(requests=0, predictions=0)
    return Usage(
        seconds=round(ended.seconds, 2),
        peak_memory_mib=round(ended.peak_memory_mib, 1),
        requests=counts.requests,
        predictions=counts.predictions,
    )


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
