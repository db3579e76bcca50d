"""What runs in the cluster beside modelward: DNS, Prometheus and Alertmanager by their operator, S3."""

import string
from pathlib import Path
from typing import Final

from dev.cluster import definitions, images, programs
from dev.cluster.controlplane import ControlPlane
from dev.cluster.images import Image
from dev.cluster.layout import DNS_ADDRESS
from dev.cluster.progress import step

MANIFESTS: Final = Path(__file__).parent / "addons"
_WAIT: Final = "--timeout=120s"
_DEPLOYMENTS: Final = (("kube-system", "coredns"), ("monitoring", "prometheus-operator"), ("storage", "s3"))


def manifest(file: Path, images_by_name: dict[str, Image]) -> str:
    """Return a manifest with the images' names and the versions filled in.

    Raises:
        KeyError: it names something that there is no value for.
    """
    values = {name.replace("-", "_"): image.reference for name, image in images_by_name.items()}
    values |= {f"{name}_version": programs.version(name) for name in ("prometheus", "alertmanager")}
    return string.Template(file.read_text()).substitute(values, dns_address=DNS_ADDRESS)


def install(plane: ControlPlane, images_by_name: dict[str, Image]) -> None:
    """Apply everything and wait until it serves."""
    with step("custom resource definitions"):
        plane.apply(*definitions.all_folders())
    with step("DNS, Prometheus, Alertmanager, S3"):
        # In name order dns and monitoring would come before the namespaces.
        files = [MANIFESTS / "namespaces.yaml", *sorted(MANIFESTS.glob("[!n]*.yaml"))]
        text = "\n---\n".join(manifest(file, images_by_name) for file in files)
        plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=text)
        for namespace, name in _DEPLOYMENTS:
            plane.kubectl("rollout", "status", _WAIT, "--namespace", namespace, f"deployment/{name}")
        for kind in ("prometheus", "alertmanager"):
            plane.kubectl(
                "wait", "--for=condition=Available", _WAIT, "--namespace", "monitoring", f"{kind}/dev"
            )


def needed_images() -> dict[str, Image]:
    """Return the image of every program that runs in a pod."""
    return {name: images.of_program(name) for name in images.PROGRAM_IMAGES}
