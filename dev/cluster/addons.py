"""What runs in the cluster beside modelward: DNS, Prometheus and Alertmanager by their operator, S3."""

import string
from pathlib import Path
from typing import Final

from dev.cluster import definitions, images, programs
from dev.cluster.images import Image
from dev.cluster.kubectl import Kubectl
from dev.cluster.layout import DNS_ADDRESS
from dev.cluster.progress import step

MANIFESTS: Final = Path(__file__).parent / "addons"
_WAIT: Final = "--timeout=600s"
_SERVING: Final = {
    "dns": (("kube-system", "deployment/coredns", "Available"),),
    "monitoring": (
        ("monitoring", "prometheus/dev", "Available"),
        ("monitoring", "alertmanager/dev", "Available"),
    ),
    "prometheus-operator": (("monitoring", "deployment/prometheus-operator", "Available"),),
    "storage": (("storage", "deployment/s3", "Available"),),
}
"""What to wait for after a manifest: namespace, object, condition."""


def manifest(file: Path, images_by_name: dict[str, Image]) -> str:
    """Return a manifest with the images' names and the versions filled in.

    Raises:
        KeyError: it names something that there is no value for.
    """
    values = {name.replace("-", "_"): image.reference for name, image in images_by_name.items()}
    values |= {f"{name}_version": programs.version(name) for name in ("prometheus", "alertmanager")}
    return string.Template(file.read_text()).substitute(values, dns_address=DNS_ADDRESS)


def every_manifest() -> list[Path]:
    """Return the manifests in the order of their application: the others need the namespaces."""
    return [MANIFESTS / "namespaces.yaml", *sorted(MANIFESTS.glob("[!n]*.yaml"))]


def define(kubectl: Kubectl) -> None:
    """Apply the custom resource definitions and wait until they are served."""
    with step("custom resource definitions"):
        kubectl.apply(definitions.prometheus_operator())  # ours come with the chart


def install(kubectl: Kubectl, files: list[Path], images_by_name: dict[str, Image]) -> None:
    """Apply manifests and wait until what is in them serves."""
    names = [file.stem for file in files]
    with step(", ".join(names)):
        text = "\n---\n".join(manifest(file, images_by_name) for file in files)
        kubectl.run("apply", "--server-side", "--force-conflicts", "-f", "-", input=text)
        for name in names:
            for namespace, what, condition in _SERVING.get(name, ()):
                kubectl.run("wait", f"--for=condition={condition}", _WAIT, "--namespace", namespace, what)


def needed_images() -> dict[str, Image]:
    """Return the image of every program that runs in a pod."""
    return {name: images.of_program(name) for name in images.PROGRAM_IMAGES}
