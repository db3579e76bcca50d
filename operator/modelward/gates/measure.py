"""The process of one gate: reads a task from standard input, measures, and leaves a verdict in its folder.

It keeps the contract of every gate's program (modelward.api.gateverdict). A gate that cannot answer leaves
error.json and ends with 1.
"""

import sys
import warnings
from typing import Final

from pydantic import BaseModel

from modelward.api.gates import Gate, GateKind
from modelward.api.gateverdict import EXIT_FAILED, EXIT_PASSED, Result
from modelward.gates.comparisons import without_comparisons
from modelward.gates.drawing import drawn
from modelward.gates.failure import GateError
from modelward.gates.findings import Findings
from modelward.gates.task import (
    FILE_COUNTS,
    FILE_ERROR,
    FILE_FIGURES,
    FILE_VERDICT,
    Comparisons,
    Counts,
    Failure,
    Figures,
    Task,
)

EXIT_ERROR: Final = 1


def main() -> int:
    """Measure one gate; return the exit code."""
    warnings.simplefilter("ignore")  # of libraries, for their own developers
    task = Task.model_validate_json(sys.stdin.buffer.read())
    gate = next(gate for gate in task.file.gates if gate.name == task.gate)
    if task.stable_endpoint is None and task.comparisons is Comparisons.WHERE_STABLE_SERVES:
        gate = without_comparisons(gate)
    try:
        findings = _measured(gate, task)
    except GateError as error:
        _write(task, FILE_ERROR, Failure(reason=error.reason, message=str(error)))
        return EXIT_ERROR
    verdict = findings.verdict()
    _write(task, FILE_FIGURES, Figures(figures=tuple(map(drawn, findings.figures))))
    _write(task, FILE_VERDICT, verdict)
    return EXIT_PASSED if verdict.result is Result.PASSED else EXIT_FAILED


def _measured(gate: Gate, task: Task) -> Findings:
    """Measure with what this kind needs: the libraries are large, and each process has one kind."""
    if gate.data_quality is not None:
        from modelward.gates.quality import gate as quality  # noqa: PLC0415 - see above

        return quality.run(gate.data_quality, task.file, task.folder)
    from modelward.gates.subject import Addresses, read_subject  # noqa: PLC0415 - see above

    addresses = Addresses(task.endpoint, task.stable_endpoint, task.model_uri)
    subject = read_subject(task.file, addresses, task.folder, task.seed)
    if gate.interpretability is not None:
        from modelward.gates.interpretability import gate as interpretability  # noqa: PLC0415 - see above

        findings = interpretability.run(gate.interpretability, subject)
    elif gate.robustness is not None:
        from modelward.gates.robustness import gate as robustness  # noqa: PLC0415 - see above

        findings = robustness.run(gate.robustness, subject)
    else:
        raise ValueError(f"gate {gate.name!r} is {GateKind(gate.kind)}, which is not measured here")
    asked = [each.model.endpoint for each in (subject.candidate, subject.stable) if each is not None]
    counts = Counts(
        requests=sum(each.requests for each in asked), predictions=sum(each.predictions for each in asked)
    )
    _write(task, FILE_COUNTS, counts)
    return findings


def _write(task: Task, name: str, content: BaseModel) -> None:
    (task.output / name).write_text(content.model_dump_json(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
