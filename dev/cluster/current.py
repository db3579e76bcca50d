"""CLUSTER=current: the cluster of the user's current kube context instead of one of our own.

Images are built with what there is and given to the cluster by its own load command; monitoring and
the S3 server are installed where the cluster has no prometheus-operator.
"""

import os
import subprocess
from typing import Final

from dev.cluster import addons, packages, programs
from dev.cluster.errors import ClusterError
from dev.cluster.images import Image
from dev.cluster.kubectl import Kubectl
from dev.cluster.progress import say, step

_LOADERS: Final = {
    "kind-": ["kind", "load", "image-archive", "{file}", "--name", "{cluster}"],
    "k3d-": ["k3d", "image", "import", "{file}", "--cluster", "{cluster}"],
    "minikube": ["minikube", "image", "load", "{file}"],
    "docker-desktop": ["docker", "load", "--quiet", "--input", "{file}"],
    "rancher-desktop": ["docker", "load", "--quiet", "--input", "{file}"],
    "orbstack": ["docker", "load", "--quiet", "--input", "{file}"],
}
"""Command that gives an image archive to the cluster, by the start of its context's name."""


def chosen() -> bool:
    """Tell whether the user asked for the current context.

    Raises:
        ClusterError: the variable has another value than the one it knows.
    """
    value = os.environ.get("CLUSTER", "")
    if value not in {"", "current"}:
        raise ClusterError(f"CLUSTER={value} is not known: write CLUSTER=current, or leave it out")
    return value == "current"


def load_command(context: str, file: str) -> list[str]:
    """Return the command that loads an archive into the cluster of a context.

    Raises:
        ClusterError: there is none for this kind of cluster.
    """
    for prefix, words in _LOADERS.items():
        if context.startswith(prefix):
            return [word.format(file=file, cluster=context.removeprefix(prefix)) for word in words]
    raise ClusterError(
        f"images cannot be loaded into the cluster of context {context}: push them to a registry that it "
        "pulls from (docker build -f images/NAME/Containerfile .) and install the chart with their names; "
        "kind, k3d, minikube, docker-desktop, rancher-desktop and orbstack work without a registry"
    )


def kubectl() -> Kubectl:
    """Return kubectl for the current context."""
    return Kubectl(programs.find("kubectl"), None)


def load(images: list[Image]) -> None:
    """Give images to the current cluster.

    Raises:
        ClusterError: there is no current context, or its load command is missing or failed.
    """
    context = kubectl().run("config", "current-context").stdout.strip()
    for image in images:
        command = load_command(context, str(image.file))
        if packages.command(command[0]) is None:
            raise ClusterError(f"context {context} needs {command[0]} on PATH to load images")
        with step(f"loading {image.reference} into {context}"):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(f"{' '.join(command)} failed: {done.stderr.strip()}")


def up() -> None:
    """Complete the current cluster with what modelward and its demonstration need.

    Raises:
        ClusterError: the cluster does not answer, or cannot be given images.
    """
    client = kubectl()
    client.run("version", "-o", "json")
    present = client.run("api-resources", "--api-group=monitoring.coreos.com", "-o", "name").stdout
    files = [addons.MANIFESTS / name for name in ("namespaces.yaml", "storage.yaml")]
    if "prometheuses.monitoring.coreos.com" in present.split():
        say("prometheus-operator is there already: its Prometheus is used")
    else:
        files += [addons.MANIFESTS / name for name in ("prometheus-operator.yaml", "monitoring.yaml")]
    needed = addons.needed_images()
    load([image for name, image in needed.items() if name not in {"pause", "coredns"}])
    addons.define(client)
    addons.install(client, files, needed)
