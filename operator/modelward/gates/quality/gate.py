"""Runs the gate dataQuality: every check that its limits ask for, on the validation data as they are."""

from pathlib import Path

from modelward.api.gates import GateFile
from modelward.api.gateverdict import ErrorReason
from modelward.api.profile import InvalidProfileError, Profile, read_profile
from modelward.api.quality import DataQuality
from modelward.gates.dataset import feature_names
from modelward.gates.failure import GateError
from modelward.gates.findings import Findings
from modelward.gates.quality import columns, rows, shift
from modelward.gates.quality.tables import Tables
from modelward.gates.tables import read_bytes, read_table


def run(gate: DataQuality, file: GateFile, folder: Path) -> Findings:
    """Check the validation data. Raises GateError."""
    tables = _read(gate, file, folder)
    findings = Findings()
    findings.at_least("rows", len(tables.validation), gate.min_rows)
    columns.check(findings, tables.validation, columns.wanted(gate.columns, tables.profile))
    if gate.max_duplicates is not None:
        rows.check_duplicates(findings, tables.validation, gate.max_duplicates)
    if gate.max_leakage is not None and tables.training is not None:
        rows.check_leakage(findings, tables.validation[[*tables.features]], tables.training, gate.max_leakage)
    if gate.min_class_share is not None:
        rows.check_balance(findings, tables.validation[tables.label], gate.min_class_share)
    if gate.shift is not None:
        references = shift.references(tables, file.inference.answers)
        shift.check(findings, tables.validation, references, gate.shift.psi)
    return findings


def _read(gate: DataQuality, file: GateFile, folder: Path) -> Tables:
    validation = read_table(file.validation.uri, folder)
    features = feature_names(file.validation, validation)
    training = None
    if file.training is not None and (gate.max_leakage is not None or gate.shift is not None):
        training = read_table(file.training.uri, folder)
        absent = [name for name in (*features, file.validation.labels) if name not in training.columns]
        if absent:
            message = (
                f"{file.training.uri} has no column {absent[0]!r}; the training data need the same columns"
            )
            raise GateError(ErrorReason.INVALID_DATA, message)
    return Tables(validation, training, _profile(gate, folder), tuple(features), file.validation.labels)


def _profile(gate: DataQuality, folder: Path) -> Profile | None:
    if gate.profile is None:
        return None
    try:
        return read_profile(read_bytes(gate.profile, folder))
    except InvalidProfileError as error:
        raise GateError(ErrorReason.INVALID_DATA, f"{gate.profile}: {error}") from error
