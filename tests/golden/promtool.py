"""Evaluate PromQL and rules over written-down series with promtool, Prometheus' own test program."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dev.cluster import programs

Labels = Mapping[str, str]


def series(name: str, labels: Labels, values: str) -> dict[str, str]:
    """One input series: values in promtool's notation, a sample every interval from time 0."""
    inside = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{inside}}}", "values": values}


@dataclass(slots=True)
class Bench:
    """Series, and what expressions over them must answer; the fixture `bench` checks it all at the end."""

    folder: Path
    inputs: list[dict[str, str]] = field(default_factory=list)
    interval_seconds: int = 5
    rules: dict[str, Any] | None = None
    _cases: list[dict[str, Any]] = field(default_factory=list)

    def expect(self, expression: str, at_seconds: float, samples: Mapping[str, float]) -> None:
        """Expect that an expression answers exactly these samples (series in text form -> value)."""
        wanted = [{"labels": labels, "value": value} for labels, value in samples.items()]
        self._add("promql_expr_test", _at(at_seconds) | {"expr": expression, "exp_samples": wanted})

    def expect_alert(self, name: str, at_seconds: float, alerts: Sequence[Mapping[str, Labels]]) -> None:
        """Expect that exactly these alerts (exp_labels, exp_annotations) of a name fire at a time."""
        self._add("alert_rule_test", _at(at_seconds) | {"alertname": name, "exp_alerts": list(alerts)})

    def _add(self, kind: str, expected: dict[str, Any]) -> None:
        """Add to the last case if it has the same series: each case is evaluated from its beginning."""
        case: dict[str, Any] = {"interval": f"{self.interval_seconds}s", "input_series": list(self.inputs)}
        if not self._cases or self._cases[-1] | case != self._cases[-1]:
            self._cases.append(case)
        self._cases[-1].setdefault(kind, []).append(expected)

    def check(self) -> None:
        """Run promtool; fails with what it says, or if nothing was expected."""
        assert self._cases, "the test expects nothing"
        interval = f"{self.interval_seconds}s"
        document: dict[str, Any] = {"evaluation_interval": interval, "tests": self._cases}
        if self.rules is not None:
            (self.folder / "rules.yaml").write_text(yaml.safe_dump(self.rules, sort_keys=False))
            document["rule_files"] = ["rules.yaml"]
        file = self.folder / "test.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        command: list[str | Path] = [programs.find("promtool"), "test", "rules", file]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _at(seconds: float) -> dict[str, Any]:
    return {"eval_time": f"{round(seconds * 1000)}ms"}
