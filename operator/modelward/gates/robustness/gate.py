"""Runs the gate robustness: each change and each slice that its limits name."""

from modelward.api.robustness import Robustness
from modelward.gates.findings import Findings
from modelward.gates.robustness import flips, gradient, perturbation, slices
from modelward.gates.subject import Subject


def run(gate: Robustness, subject: Subject) -> Findings:
    """Change inputs and count what flips; measure slices. Raises GateError."""
    findings = Findings()
    flips.check(findings, gate, subject)
    slices.check(findings, gate, subject)
    if gate.perturbation is not None:
        perturbation.check(findings, gate.perturbation, subject)
    if gate.gradient:
        gradient.check(findings, gate.gradient, subject)
    return findings
