"""Writes an image of one static program as a docker-archive, without any image tool.

The format is Docker's image specification v1.2 as `docker load`, `ctr images import`, kind and k3d
read it. The same input gives the same bytes.
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

USER: Final = 65532
"""Numeric, so that runAsNonRoot can be checked without a user database."""


def write(target: Path, reference: str, files: Mapping[str, Path], entrypoint: list[str]) -> None:
    """Write an archive with one image of one layer.

    Args:
        target: the archive; written beside and then renamed.
        reference: the image's name and tag.
        files: source of each file by its path in the image, without the leading slash.
        entrypoint: what the image runs.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    layer = target.with_suffix(".layer")
    with tarfile.open(layer, "w") as tar:
        for path, source in sorted(files.items()):
            with source.open("rb") as content:
                tar.addfile(_entry(path, source.stat().st_size, 0o755), content)
    with layer.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    configuration = {
        "architecture": _architecture(),
        "os": "linux",
        "config": {"Entrypoint": entrypoint, "User": f"{USER}:{USER}", "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "dev/cluster/archive.py"}],
        "created": "1970-01-01T00:00:00Z",
    }
    encoded = json.dumps(configuration).encode()
    name = f"{hashlib.sha256(encoded).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [reference], "Layers": [f"{digest}/layer.tar"]}]
    unfinished = target.with_suffix(".part")
    with tarfile.open(unfinished, "w") as tar:
        _add(tar, "manifest.json", json.dumps(manifest).encode())
        _add(tar, name, encoded)
        with layer.open("rb") as content:
            tar.addfile(_entry(f"{digest}/layer.tar", layer.stat().st_size, 0o644), content)
    layer.unlink()
    unfinished.rename(target)


def _architecture() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(machine, machine)


def _entry(path: str, size: int, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode, entry.mtime = size, mode, 0
    return entry


def _add(tar: tarfile.TarFile, path: str, content: bytes) -> None:
    tar.addfile(_entry(path, len(content), 0o644), io.BytesIO(content))
