"""A gate of one's own: the model must be right as often in each group as in the others.

Usage: job.py ENDPOINT VALIDATION.csv LABEL GROUP MODEL. Ends with 0 or 3 and writes its verdict to the file
that MODELWARD_VERDICT names (verdict.json), as a job gate does; any other end is an error (docs/gates.md).
"""

import csv
import http.client
import json
import os
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

LARGEST_GAP: Final = 0.05
EXIT_FAILED: Final = 3


def predictions(endpoint: str, model: str, rows: list[list[float]]) -> list[float]:
    """Ask the model, by the Open Inference Protocol."""
    tensor = {"name": "input-0", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": rows}
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=60)
    connection.request("POST", f"/v2/models/{model}/infer", json.dumps({"inputs": [tensor]}))
    answer = json.load(connection.getresponse())
    connection.close()
    said: list[float] = answer["outputs"][0]["data"]
    return said


def main(endpoint: str, table: str, label: str, group: str, model: str) -> int:
    """Compare the groups; return the exit code."""
    with Path(table).open(newline="") as file:
        lines = list(csv.DictReader(file))
    features = [name for name in lines[0] if name not in {label, group}]
    said = predictions(endpoint, model, [[float(line[name]) for name in features] for line in lines])
    right: dict[str, list[bool]] = {}
    for line, one in zip(lines, said, strict=True):
        right.setdefault(line[group], []).append(float(one) == float(line[label]))
    shares = {name: sum(each) / len(each) for name, each in right.items()}
    gap = max(shares.values()) - min(shares.values())
    passed = gap <= LARGEST_GAP
    check = {
        "name": "largest gap in accuracy between groups",
        "subject": group,
        "value": gap,
        "comparison": "AtMost",
        "limit": LARGEST_GAP,
        "passed": passed,
        "message": ", ".join(f"{name} {share:.1%}" for name, share in sorted(shares.items())),
    }
    verdict = {"schemaVersion": 1, "result": "Passed" if passed else "Failed", "checks": [check]}
    Path(os.environ.get("MODELWARD_VERDICT", "verdict.json")).write_text(json.dumps(verdict))
    return 0 if passed else EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:6]))
