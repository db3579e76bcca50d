"""Which Debian packages are missing, and that their services are not started."""

from pathlib import Path

import pytest

from dev.cluster import packages
from dev.cluster.errors import ClusterError


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the test a machine without any command or CNI plugin; return the folder that is its PATH."""
    monkeypatch.setattr(packages, "search_path", lambda: str(tmp_path))
    monkeypatch.setattr(packages, "CNI_FOLDERS", (tmp_path / "cni",))
    return tmp_path


def place(folder: Path, *names: str) -> None:
    """Put programs into a folder."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)


def test_each_package_is_named_once(bare: Path) -> None:
    """Two commands of one package, and the CNI plugins, make one entry each."""
    place(bare, "ip", "mount", "openssl", "iptables", "conntrack")
    assert packages.missing(packages.NODE_COMMANDS) == ["containerd", "containernetworking-plugins", "runc"]


def test_nothing_is_missing_where_all_is_there(bare: Path) -> None:
    """Commands on PATH and the plugins that the bridge network uses are all it takes."""
    place(bare, *packages.NODE_COMMANDS)
    place(bare / "cni", "bridge", "host-local", "loopback")
    assert packages.missing(packages.NODE_COMMANDS) == []
    assert packages.cni_folder() == bare / "cni"


def test_system_without_apt_is_told_what_to_install(bare: Path) -> None:
    """Elsewhere than on Debian the message names the packages and the way without them."""
    place(bare, "buildah")
    with pytest.raises(ClusterError, match=r"missing: .*mmdebstrap.*CLUSTER=current"):
        packages.ensure({"buildah": "buildah", "mmdebstrap": "mmdebstrap"})


def test_services_are_kept_from_starting(bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """While apt installs, policy-rc.d denies every start; afterwards it is gone again."""
    policy, seen = tmp_path / "policy-rc.d", tmp_path / "seen"
    monkeypatch.setattr(packages, "_POLICY", policy)
    place(bare, "mmdebstrap-not-yet")
    (bare / "apt-get").write_text(
        f'#!/bin/sh\n[ "$1" = install ] || exit 0\n{policy}; echo "$? $*" > {seen}\n'
        f"cp {bare}/mmdebstrap-not-yet {bare}/mmdebstrap\n"
    )
    (bare / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bare}:/usr/bin:/bin")
    packages.ensure({"mmdebstrap": "mmdebstrap"})
    assert seen.read_text().split()[0] == "101"
    assert seen.read_text().split()[-1] == "mmdebstrap"
    assert not policy.exists()
