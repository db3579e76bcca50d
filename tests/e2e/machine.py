"""A machine of a test's own: the real one, with a network, a mount table and a /run that nobody else has.

A cluster there meets no cluster that is up already, and what it leaves is seen without noise. Yet none may
come up or go meanwhile: kernel settings and the folders of other paths are everybody's.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dev.cluster import layout, processes
from dev.cluster.paths import CHECKOUT, cache_dir

LIMIT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Traces:
    """All of what a cluster can leave on a machine."""

    processes: tuple[str, ...]
    mounts: tuple[str, ...]
    links: tuple[str, ...]
    rules: tuple[str, ...]
    routing: tuple[str, ...]
    namespaces: tuple[str, ...]
    control_groups: tuple[str, ...]
    files: tuple[str, ...]
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """The namespaces, by the process that holds them, and the state folder of clusters made in them."""

    holder: int
    state: Path

    def command(self, *words: str, checkout: Path = CHECKOUT) -> list[str]:
        """Return a command line that runs in the namespaces, in a checkout."""
        enter = ["nsenter", "--target", str(self.holder), "--net", "--mount", f"--wd={checkout}"]
        return [*enter, "env", f"MODELWARD_STATE={self.state}", *words]

    def run(self, *words: str, checkout: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, its output as text."""
        command = self.command(*words, checkout=checkout)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)

    def cluster(self, command: str, checkout: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
        """Run one of the cluster's commands to its end."""
        return self.run(sys.executable, "-m", "dev.cluster", command, checkout=checkout)

    def kill_when(self, command: str, line: str) -> None:
        """Start one of the cluster's commands and kill it, and it alone, when it prints a line like this."""
        words = self.command(sys.executable, "-m", "dev.cluster", command)
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as started:
            assert started.stderr is not None
            printed = []
            for each in started.stderr:
                printed.append(each)
                if re.search(line, each):
                    started.send_signal(signal.SIGKILL)
                    return
        raise AssertionError(f"{command} never printed {line}:\n{''.join(printed)}")

    def kill_all(self) -> None:
        """Kill every process of the clusters made here, as a crash of the machine would."""

        def gone() -> bool:
            found = [pid for pid, _ in self._processes()]
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not found

        assert processes.until(gone, limit_seconds=30)

    def clusters(self) -> list[Path]:
        """Return the folders of the clusters made here."""
        return [path for path in self.state.glob("*") if path.is_dir()]

    def traces(self) -> Traces:
        """Return what is here now."""
        rules = self.run("iptables-save").stdout + self.run("ip6tables-save").stdout
        links = self.run("ip", "-brief", "link").stdout
        sysctls = ("net.ipv4.ip_forward", "net.ipv4.conf.all.route_localnet", "vm.overcommit_memory")
        return Traces(
            processes=tuple(sorted(words for _, words in self._processes())),
            mounts=tuple(sorted(self._mounts())),
            links=tuple(line.split()[0] for line in links.splitlines()),
            # Empty built-in chains stay once a table has been used; they are no rules.
            rules=tuple(line for line in rules.splitlines() if re.match(r"-A|:(KUBE|CNI)-", line)),
            routing=tuple(self.run("ip", "rule").stdout.splitlines()),
            namespaces=tuple(self.run("ip", "netns", "list").stdout.split()),
            control_groups=tuple(sorted(self._control_groups())),
            files=tuple(sorted(self._files())),
            settings=tuple(self.run("sysctl", *sysctls).stdout.splitlines()),
        )

    def _mounts(self) -> Iterator[str]:
        images = str(cache_dir() / "buildah")  # of images that are being built beside the test
        for mount in Path(f"/proc/{self.holder}/mounts").read_text().splitlines():
            if not mount.split()[1].startswith(images):
                yield mount

    def _processes(self) -> Iterator[tuple[int, str]]:
        network = Path(f"/proc/{self.holder}/ns/net").readlink()
        children = Path(f"/proc/{self.holder}/task/{self.holder}/children").read_text().split()
        holders = {str(self.holder), *children}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_text().replace("\0", " ")
                here = (folder / "ns" / "net").readlink() == network or str(self.state) in words
                if here and folder.name not in holders and processes.born(int(folder.name)):
                    yield int(folder.name), words

    def _control_groups(self) -> Iterator[str]:
        for cluster in self.clusters():
            yield from (str(path) for path in Path("/sys/fs/cgroup").glob(f"**/modelward-{cluster.name}"))

    def _files(self) -> Iterator[str]:
        if self.state.exists():
            yield str(self.state)
        links = Path("/var/log/containers").glob("*.log")
        yield from (str(link) for link in links if link.readlink().is_relative_to(self.state))
        for cluster in self.clusters():
            yield from map(str, Path("/var/lib/cni/results").glob(f"modelward-{cluster.name}-*"))
        its_root = Path("/proc", str(self.holder), "root")  # the file system as the machine sees it
        sockets = (its_root / "run" / "containerd" / "s").glob("*")
        yield from (str(path) for path in sockets if _abandoned(path))


def _abandoned(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return False
        except ConnectionRefusedError:
            return True
    return False


@contextlib.contextmanager
def separate(state: Path) -> Iterator[Machine]:
    """Make the namespaces, and end them with whatever is still in them."""
    holder = subprocess.Popen(
        processes.dying_with_parent(["unshare", "--net", "--mount", "--kill-child", "sleep", "infinity"])
    )
    own = Path("/proc/self/ns/net").readlink()
    made = Path(f"/proc/{holder.pid}/ns/net")
    assert processes.until(lambda: made.readlink() != own, limit_seconds=10)
    machine = Machine(holder.pid, state)
    try:
        machine.run("ip", "link", "set", "lo", "up").check_returncode()
        machine.run("mount", "-t", "tmpfs", "tmpfs", "/run").check_returncode()
        # A cluster that is up mounts and unmounts as its pods come and go; here they are not to be seen.
        forget = "import sys; from pathlib import Path; from dev.cluster import mounts; "
        forget += "mounts.remove_below(Path(sys.argv[1]))"
        machine.run(sys.executable, "-c", forget, str(layout.state_root())).check_returncode()
        yield machine
    finally:
        if machine.clusters():
            machine.cluster("down")
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        shutil.rmtree(state, ignore_errors=True)
