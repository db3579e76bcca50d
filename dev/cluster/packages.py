"""The Debian packages that a cluster needs, and their installation where one is missing."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dev.cluster.errors import ClusterError
from dev.cluster.progress import say, step

CNI_FOLDERS: Final = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
_CNI_PACKAGE: Final = "containernetworking-plugins"
_POLICY: Final = Path("/usr/sbin/policy-rc.d")
_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

NODE_COMMANDS: Final = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "openssl": "openssl",
    "mount": "mount",
}
"""Package of each command that the node runs."""

IMAGE_COMMANDS: Final = {
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
"""Package of each command, and of each file, that images are built with."""

COMPILER_COMMANDS: Final = {"cc": "gcc", "/usr/include/stdio.h": "libc6-dev"}
"""Package of what the monitor is compiled with."""

PROXY_COMMANDS: Final = {"wrk": "wrk", "nginx": "nginx-light"}
"""Package of each command that the monitor's benchmark runs: what loads it, and what it is held against."""


def search_path() -> str:
    """Return PATH with the system folders that a user's may lack."""
    return f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"


def command(name: str) -> str | None:
    """Return a command's path, or None if there is no such command."""
    return shutil.which(name, path=search_path())


def cni_folder() -> Path | None:
    """Return the folder that holds the CNI plugins a bridge network needs."""
    wanted = ("bridge", "host-local", "loopback")
    return next((each for each in CNI_FOLDERS if all((each / plugin).exists() for plugin in wanted)), None)


def missing(commands: dict[str, str]) -> list[str]:
    """Return the packages whose commands are not there, each once, in order."""
    packages = [package for name, package in commands.items() if not _is_there(name)]
    if commands is NODE_COMMANDS and cni_folder() is None:
        packages.append(_CNI_PACKAGE)
    return sorted(set(packages))


def _is_there(name: str) -> bool:
    return Path(name).exists() if name.startswith("/") else command(name) is not None


def ensure(commands: dict[str, str]) -> None:
    """Install the packages that are missing, saying so first.

    Raises:
        ClusterError: this is not Debian or the like, or apt failed.
    """
    packages = missing(commands)
    if not packages:
        return
    if command("apt-get") is None:
        message = f"missing: {', '.join(packages)} (Debian's names); install them, or use CLUSTER=current"
        raise ClusterError(message)
    say(f"missing Debian packages: {' '.join(packages)}")
    with step(f"apt-get install {' '.join(packages)}"), _services_left_alone():
        _apt("update", "--quiet")
        _apt("install", "--quiet", "--yes", "--no-install-recommends", *packages)
    still = missing(commands)
    if still:
        message = f"still missing after installation: {', '.join(still)}; look at apt's output above"
        raise ClusterError(message)


def _apt(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", *arguments], env=environment, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        message = f"apt-get {' '.join(arguments)} failed ({done.returncode}); what it said is above"
        raise ClusterError(message)


@contextmanager
def _services_left_alone() -> Iterator[None]:
    """Keep packages from starting their services, by Debian's own means (invoke-rc.d(8))."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
