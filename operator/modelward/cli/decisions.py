"""The records of decisions in sentences: by which rule, and every number they were made from."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from modelward.api.status import DecisionRecord, EvidenceRecord
from modelward.cli.wording import ago

SHOWN: Final = 5
"""Decisions that are told in full; the ConfigMap has more."""


def read_records(data: Mapping[str, str], newest: DecisionRecord | None) -> tuple[DecisionRecord, ...]:
    """Return the records of ConfigMap NAME-decisions and the newest one of status, newest first.

    An entry that this version cannot read is passed over.
    """
    found: list[DecisionRecord] = []
    for key in sorted(data, reverse=True):
        try:
            found.append(DecisionRecord.model_validate_json(data[key]))
        except ValidationError:
            continue
    is_new = newest is not None and all(_identity(each) != _identity(newest) for each in found)
    return (newest, *found) if newest is not None and is_new else tuple(found)


def sentences(records: Iterable[DecisionRecord], now: datetime) -> Iterator[str]:
    """Yield a line for each record, and one for each of its numbers."""
    for record in tuple(records)[:SHOWN]:
        yield (
            f"{ago(record.time, now)}: {record.action} {record.revision} by rule {record.rule}, "
            f"cause {record.cause}, reason {record.reason}."
        )
        for line in record.evidence:
            yield f"- {_evidence(line)}"
        if record.drift:
            yield f"- drift: {', '.join(record.drift)}"


def _evidence(line: EvidenceRecord) -> str:
    parts = [
        f"{line.objective} of {line.revision}: {line.bad} bad",
        f"evidence against the target {line.against_target} (log10)",
    ]
    if line.against_other:
        parts.append(
            f"{line.compared_with} {line.others_bad} bad, "
            f"evidence that it is worse {line.against_other} (log10)"
        )
    if line.not_worse:
        parts.append(f"evidence that it is no worse {line.not_worse} (log10)")
    if line.while_storage_slow:
        parts.append(f"while storage was slow {line.while_storage_slow} bad")
    if line.while_storage_fast:
        parts.append(f"while it was fast {line.while_storage_fast} bad")
    return "; ".join(parts)


def _identity(record: DecisionRecord) -> tuple[str, str, str]:
    return record.time, record.rule, record.revision
