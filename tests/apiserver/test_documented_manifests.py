"""Every ModelDeployment that a reader is shown is accepted by a real API server."""

import re
from pathlib import Path

import pytest

from dev.cluster.controlplane import ControlPlane

pytestmark = pytest.mark.apiserver

CHECKOUT = Path(__file__).parents[2]
FILES = (
    "README.md",
    "docs/getting-started.md",
    "examples/electricity/modeldeployment.yaml",
    "bench/faulty.yaml",
)
# From the first line of a manifest to the end of its file, code block or here-document.
MANIFEST = re.compile(r"^apiVersion: modelward\.dev.*?(?=^```|^EOF|\Z)", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("file", FILES)
def test_a_documented_manifest_is_accepted(api_server: ControlPlane, namespace: str, file: str) -> None:
    """What the documentation tells a reader to apply applies, with strict validation of its fields."""
    manifests = MANIFEST.findall((CHECKOUT / file).read_text())
    assert manifests
    for manifest in manifests:
        command = ("apply", "--dry-run=server", "--validate=strict", "--namespace", namespace, "-f", "-")
        assert "created (server dry run)" in api_server.kubectl(*command, input=manifest).stdout
