"""Prints manifests/install.yaml or manifests/servicemonitor.yaml: the chart, rendered for plain kubectl.

The webhook's token is left to the user: a rendered file has no place for a secret.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from dev.cluster import programs
from dev.cluster.paths import CHECKOUT

CHART: Final = CHECKOUT / "helm" / "modelward"
NAMESPACE: Final = "modelward-system"
KUBERNETES: Final = "1.30.0"
"""The oldest version that the chart is for."""
_MONITOR_TEMPLATE: Final = "templates/servicemonitor.yaml"
_VALUES: Final = (
    "alertmanagerWebhook.existingSecret=modelward-webhook",
    "serviceMonitor.mode=never",
    "grafanaDashboard.enabled=false",
)
_MANAGED_BY_HELM: Final = re.compile(r"^ *app\.kubernetes\.io/managed-by: Helm\n", re.MULTILINE)
"""Which is not so of what kubectl applies."""


def render(*arguments: str) -> str:
    """Render the chart as release `modelward`.

    Raises:
        subprocess.CalledProcessError: helm refused; what it said went to standard error.
    """
    helm: Path = programs.find("helm")
    command = [str(helm), "template", "modelward", str(CHART), "--namespace", NAMESPACE]
    command += ["--kube-version", KUBERNETES, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> int:
    """Print one of the files; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev.manifests", description=__doc__)
    parser.add_argument("file", choices=["install", "servicemonitor"])
    if parser.parse_args().file == "install":
        rendered = render(*(f"--set={value}" for value in _VALUES))
    else:
        rendered = render("--set=serviceMonitor.mode=always", "--show-only", _MONITOR_TEMPLATE)
    sys.stdout.write(_MANAGED_BY_HELM.sub("", rendered))
    return 0


if __name__ == "__main__":
    sys.exit(main())
