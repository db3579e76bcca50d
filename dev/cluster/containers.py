"""Builds the images that have a Containerfile: with buildah on a local Debian base, or with docker.

An image is built when its tag, a hash of its Containerfile and everything copied from the checkout,
is not in the cache. Layers are kept, so that a change of source does not install dependencies again.
"""

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev.cluster import locks, mounts, packages
from dev.cluster.errors import ClusterError
from dev.cluster.images import REGISTRY, Image, image_file, short_hash
from dev.cluster.paths import CHECKOUT, cache_dir
from dev.cluster.progress import step

SUITE: Final = "bookworm"
BASE_PACKAGES: Final = ("ca-certificates", "libgomp1", "libstdc++6", "python3-minimal", "python3-venv")
COMPILER_PACKAGES: Final = (*BASE_PACKAGES, "gcc", "libc6-dev", "libpython3-dev")
"""Of what the monitor is compiled on; its image is made on the base."""
_PROJECT: Final = ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "operator")
CONTEXTS: Final = {
    "operator": _PROJECT,
    "monitor": (*_PROJECT, "images/monitor/compile.py"),
    "gates": _PROJECT,
    "mlserver": ("images/mlserver/requirements.txt",),
}
"""What each image takes from the checkout beside its Containerfile, images/NAME/Containerfile."""

_INDEX_VARIABLES: Final = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX")


@dataclass(frozen=True, slots=True)
class Buildah:
    """Builds without a daemon, as root, its storage in the cache."""

    storage: Path

    def run(self, *words: str | Path) -> None:
        """Run buildah on our own storage.

        Raises:
            ClusterError: it failed.
        """
        _run([packages.command("buildah") or "buildah", *self._places(), *words])

    def _places(self) -> list[str | Path]:
        return ["--root", self.storage / "root", "--runroot", self.storage / "run"]

    def build(self, name: str, reference: str, target: Path) -> None:
        """Build one image and write it to a docker-archive."""
        words: list[str | Path] = ["build-using-dockerfile", "--quiet", "--layers", "--isolation", "chroot"]
        words += ["--network", "host", "--volume", "/etc/ssl/certs:/etc/ssl/certs:ro"]
        words += ["--build-arg", f"BASE={self._base(BASE_PACKAGES)}", *_index_arguments()]
        if name == "monitor":
            words += ["--build-arg", f"COMPILER_BASE={self._base(COMPILER_PACKAGES)}"]
        words += ["--file", CHECKOUT / "images" / name / "Containerfile", "--tag", reference, CHECKOUT]
        self.run(*words)
        self.run("push", "--quiet", reference, f"docker-archive:{target}:{reference}")

    def _base(self, with_packages: tuple[str, ...]) -> str:
        """Return the name of a Debian image that Python images are made on, built once."""
        key = short_hash(SUITE.encode(), " ".join(with_packages).encode())
        reference = f"{REGISTRY}/base:{SUITE}-{key}"
        words = [packages.command("buildah") or "buildah", *self._places(), "images", "--quiet", reference]
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            return reference
        folder = cache_dir() / "base"
        folder.mkdir(parents=True, exist_ok=True)
        beyond = " and a compiler" if "gcc" in with_packages else ""
        with step(f"Debian {SUITE} with Python{beyond} for images (once, about 60 s)"):
            excluded = ("doc/*", "info/*", "locale/*", "man/*")
            trims = [f"--dpkgopt=path-exclude=/usr/share/{what}" for what in excluded]
            wanted = f"--include={','.join(with_packages)}"
            program = packages.command("mmdebstrap") or "mmdebstrap"
            _run([program, "--quiet", "--variant=essential", *trims, wanted, SUITE, folder / "base.tar"])
            (folder / "Containerfile").write_text("FROM scratch\nADD base.tar /\n")
            file = folder / "Containerfile"
            self.run("build-using-dockerfile", "--quiet", "--file", file, "--tag", reference, folder)
            (folder / "base.tar").unlink()
        return reference


@dataclass(frozen=True, slots=True)
class Docker:
    """Builds with the docker command, on the bases that the Containerfiles name."""

    def build(self, name: str, reference: str, target: Path) -> None:
        """Build one image and write it to a docker-archive."""
        file = CHECKOUT / "images" / name / "Containerfile"
        _run(
            ["docker", "build", "--quiet", *_index_arguments(), "--file", file, "--tag", reference, CHECKOUT]
        )
        _run(["docker", "save", "--output", target, reference])


def _index_arguments() -> list[str]:
    given = [(name, os.environ[name]) for name in _INDEX_VARIABLES if os.environ.get(name)]
    return [word for name, value in given for word in ("--build-arg", f"{name}={value}")]


def _run(words: list[str | Path]) -> None:
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(str(word) for word in words)} failed:\n{done.stdout[-4000:]}")


def tag(name: str, checkout: Path = CHECKOUT) -> str:
    """Return the tag of an image: a hash of all that it is made from in the checkout."""
    inputs = [checkout / "images" / name / "Containerfile"]
    for entry in CONTEXTS[name]:
        path = checkout / entry
        inputs += sorted(path.rglob("*")) if path.is_dir() else [path]
    wanted = [path for path in inputs if path.is_file() and "__pycache__" not in path.parts]
    parts = (
        part for path in wanted for part in (str(path.relative_to(checkout)).encode(), path.read_bytes())
    )
    return short_hash(SUITE.encode(), " ".join(COMPILER_PACKAGES).encode(), *parts)


def image(name: str, builder: Buildah | Docker) -> Image:
    """Return an image of this checkout's content, built if it is not in the cache.

    Raises:
        ClusterError: it could not be built.
    """
    wanted = tag(name)
    found = Image(f"{REGISTRY}/{name}:{wanted}", image_file(name, wanted))
    with locks.exclusive("images"):
        if not found.file.exists():
            with step(f"image of {name}"):
                unfinished = found.file.with_suffix(".part")
                unfinished.parent.mkdir(parents=True, exist_ok=True)
                unfinished.unlink(missing_ok=True)
                builder.build(name, found.reference, unfinished)
                _remove_older(name)
                unfinished.rename(found.file)
    return found


def _remove_older(name: str) -> None:
    """Keep the cache from growing by an archive with every change of source."""
    for file in image_file(name, "*").parent.glob(f"{name}-????????????.tar"):
        file.unlink()


def builder() -> Buildah | Docker:
    """Return buildah where this is root's Linux, else docker.

    Raises:
        ClusterError: neither is there.
    """
    if os.geteuid() == 0 and packages.command("apt-get") is not None:
        packages.ensure(packages.IMAGE_COMMANDS)
    if os.geteuid() == 0 and packages.command("buildah") is not None:
        return Buildah(cache_dir() / "buildah")
    if packages.command("docker") is not None:
        return Docker()
    raise ClusterError(
        "images are built with docker, or as root with buildah and mmdebstrap: neither is on PATH"
    )


def build(names: Iterable[str]) -> list[Image]:
    """Return these images, keys of CONTEXTS, in this checkout's content.

    Raises:
        ClusterError: one could not be built.
    """
    chosen = builder()
    try:
        return [image(name, chosen) for name in names]
    finally:
        if isinstance(chosen, Buildah):
            # containers/storage leaves its overlay folder bind-mounted on itself.
            mounts.remove_below(chosen.storage)
