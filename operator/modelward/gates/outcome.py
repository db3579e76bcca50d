"""Exit codes of a run of gates, and the files that it writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from modelward import conventions as names
from modelward.api.gateverdict import EXIT_FAILED, EXIT_PASSED, Result, RunVerdict
from modelward.gates.report.page import page
from modelward.gates.runner import Finished

EXIT_ERROR: Final = 1
EXIT_CODES: Final = {Result.PASSED: EXIT_PASSED, Result.FAILED: EXIT_FAILED, Result.ERROR: EXIT_ERROR}
FILES: Final = (names.FILE_REPORT_VERDICT, names.FILE_REPORT)


def write(folder: Path, verdict: RunVerdict, finished: Sequence[Finished]) -> None:
    """Write the verdict and the report into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names.FILE_REPORT_VERDICT).write_text(
        verdict.model_dump_json(indent=2) + "\n", encoding="utf-8"
    )
    (folder / names.FILE_REPORT).write_text(page(verdict, finished), encoding="utf-8")
