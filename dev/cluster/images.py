"""The cluster's images: named by what is in them, made once, imported once.

A tag is the version and the start of a hash of everything that goes in, so that a change of content
is a change of name and the pods that use it roll.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev.cluster import archive, node, programs
from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout
from dev.cluster.paths import cache_dir
from dev.cluster.progress import step

REGISTRY: Final = "modelward.dev"
"""Nothing is pulled from there: the images are on the node under these names."""

PROGRAM_IMAGES: Final = (
    "pause",
    "coredns",
    "prometheus-operator",
    "prometheus-config-reloader",
    "prometheus",
    "alertmanager",
    "otel-collector",
    "rclone",
    "toxiproxy",
)
"""Programs that run in pods, each alone in its image."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image and the docker-archive that holds it."""

    reference: str
    file: Path


def short_hash(*parts: bytes) -> str:
    """Return twelve hexadecimal digits that change with any of the parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:12]


def image_file(name: str, tag: str) -> Path:
    """Return where the cache keeps an image."""
    return cache_dir() / "images" / f"{name}-{tag}.tar"


def of_program(name: str) -> Image:
    """Return a program's image, made if it is not in the cache."""
    program = programs.find(name)
    with program.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").digest()
    path = f"bin/{name}"  # where prometheus-operator expects its config reloader
    tag = f"{programs.version(programs.PROGRAMS[name].family)}-{short_hash(digest, path.encode())}"
    image = Image(f"{REGISTRY}/{name}:{tag}", image_file(name, tag))
    if not image.file.exists():
        with step(f"image of {name}"):
            archive.write(image.file, image.reference, {path: program}, [f"/{path}"])
    return image


def load(layout: Layout, images: list[Image]) -> None:
    """Import into the node's containerd those images that it lacks.

    Raises:
        ClusterError: an import failed.
    """
    present = set(node.ctr(layout, "images", "list", "--quiet").stdout.split())
    for image in images:
        if image.reference in present:
            continue
        with step(f"importing {image.reference}"):
            done = node.ctr(layout, "images", "import", str(image.file))
            if done.returncode != 0:
                message = (
                    f"containerd refused {image.file} ({done.stderr.strip()}): remove it and run this again"
                )
                raise ClusterError(message)
