"""etcd and kube-apiserver as processes of this user: the whole of what API tests need, no root.

The one-node cluster starts the same two with addresses of its own choice.
"""

import contextlib
import functools
import http
import http.client
import ipaddress
import itertools
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev.cluster import certificates, processes, programs
from dev.cluster.errors import ClusterError
from dev.cluster.kubectl import Kubectl

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 5.0
LOOPBACK: Final = "127.0.0.1"
ADMIN_GROUP: Final = "system:masters"
_FIRST_PORT: Final = 21_000
_PORTS_A_PROCESS: Final = 200
_PORT_RANGES: Final = 45
_ports_taken: Final = itertools.count()


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a control plane listens and what it calls itself."""

    bind: str
    """Address that the API server listens on."""
    advertise: str
    """Address at which pods reach it."""
    api_port: int
    etcd_port: int
    etcd_peer_port: int
    service_cidr: str


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running API server and how to talk to it as its administrator."""

    folder: Path
    url: str
    credentials: certificates.Credentials
    kubeconfig: Path
    audit_log: Path | None
    client: Kubectl
    """kubectl with that kubeconfig."""

    @property
    def token(self) -> str:
        """Bearer token of a user in system:masters."""
        return self.credentials.tokens[certificates.ADMIN]

    @property
    def ca_file(self) -> Path:
        """Certificate to verify the server with."""
        return self.credentials.certificate

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - named as in subprocess.run
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator; as Kubectl.run."""
        return self.client.run(*arguments, input=input, check=check)

    def apply(self, *files: Path) -> None:
        """Server-side apply files or folders; as Kubectl.apply."""
        self.client.apply(*files)


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on just now, on the loopback address.

    Processes that ask at the same time never get the same: each takes them in turn from a range of its own,
    below those that the system gives to connections.

    Raises:
        ClusterError: there are not so many left in that range, or no range is left.
    """
    start = _own_range(os.getpid())[0] + 1
    last = start + _PORTS_A_PROCESS - 2
    found: list[int] = []
    for _ in range(start, last + 1):
        port = start + next(_ports_taken) % (last + 1 - start)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            found.append(port)
        if len(found) == count:
            return found
    raise ClusterError(
        f"{count} free ports are needed, {start} to {last} have {len(found)}: end what listens"
    )


@functools.cache
def _own_range(process: int) -> tuple[int, socket.socket]:
    """Return the first port of a range, and the socket at it by which others know that the range is taken."""
    for number in range(_PORT_RANGES):
        start = _FIRST_PORT + (process + number) % _PORT_RANGES * _PORTS_A_PROCESS
        claim = socket.socket()
        try:
            claim.bind((LOOPBACK, start))
        except OSError:
            claim.close()
            continue
        return start, claim
    raise ClusterError(f"{_PORT_RANGES} processes have taken all ports for servers of tests: end some")


def launch(
    folder: Path,
    addresses: Addresses,
    users: dict[str, str],
    extra: Sequence[str] = (),
    audit: str = "Metadata",
    wrap: Callable[[Sequence[str | Path]], list[str | Path]] = list,
) -> ControlPlane:
    """Start etcd and kube-apiserver where they do not run, and return without waiting for them.

    Args:
        folder: state, keys and logs; keys of an earlier start are used again.
        addresses: where they listen.
        users: group of each user that gets a bearer token; the administrator is added.
        extra: more arguments for kube-apiserver.
        audit: level of the audit log (`folder/audit.log`), `None` for no log.
        wrap: what to put around each command line.
    """
    files = programs.find_all(["etcd", "kube-apiserver", "kubectl"])
    own_service = str(ipaddress.ip_network(addresses.service_cidr)[1])
    names = [f"DNS:{name}" for name in _service_names()]
    names += [f"IP:{address}" for address in dict.fromkeys((LOOPBACK, addresses.advertise, own_service))]
    credentials = certificates.ensure(folder / "keys", names, {**users, certificates.ADMIN: ADMIN_GROUP})
    url = f"https://{addresses.bind}:{addresses.api_port}"
    kubeconfig = certificates.kubeconfig(
        folder / "kubeconfig", url, credentials.certificate, credentials.tokens[certificates.ADMIN]
    )
    client = Kubectl(files["kubectl"], kubeconfig)
    audit_log = None if audit == "None" else folder / "audit.log"
    etcd = etcd_command(files["etcd"], folder, addresses)
    api = [
        *api_command(files["kube-apiserver"], credentials, addresses),
        *_audit(folder, audit, audit_log),
        *extra,
    ]
    for name, command in (("etcd", etcd), ("kube-apiserver", api)):
        if not processes.is_running(folder, name):
            processes.start(folder, name, wrap(command))
    return ControlPlane(folder, url, credentials, kubeconfig, audit_log, client)


def _service_names() -> list[str]:
    parts = ["kubernetes", "default", "svc", "cluster", "local"]
    return ["localhost", *(".".join(parts[: end + 1]) for end in (0, 1, 2, 4))]


def etcd_command(program: Path, folder: Path, addresses: Addresses) -> list[str | Path]:
    """Return etcd's command line; nothing it stores need survive a power cut."""
    client = f"http://{LOOPBACK}:{addresses.etcd_port}"
    peer = f"http://{LOOPBACK}:{addresses.etcd_peer_port}"
    return [
        *(program, "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--log-level", "warn"),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
        *("--initial-cluster", f"default={peer}"),
    ]


def api_command(
    program: Path, credentials: certificates.Credentials, addresses: Addresses
) -> list[str | Path]:
    """Return kube-apiserver's command line: RBAC, tokens from a file, one certificate throughout."""
    return [
        program,
        f"--etcd-servers=http://{LOOPBACK}:{addresses.etcd_port}",
        f"--bind-address={addresses.bind}",
        f"--secure-port={addresses.api_port}",
        f"--advertise-address={addresses.advertise}",
        f"--service-cluster-ip-range={addresses.service_cidr}",
        "--authorization-mode=Node,RBAC",
        "--anonymous-auth=false",
        f"--token-auth-file={credentials.token_file}",
        f"--tls-cert-file={credentials.certificate}",
        f"--tls-private-key-file={credentials.key}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={credentials.service_account_key}",
        f"--service-account-signing-key-file={credentials.service_account_key}",
        "--profiling=false",
    ]


def _audit(folder: Path, level: str, log: Path | None) -> list[str]:
    if log is None:
        return []
    policy = folder / "audit-policy.json"
    rules = {"omitStages": ["RequestReceived"], "rules": [{"level": level}]}
    policy.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", **rules}))
    return [f"--audit-policy-file={policy}", f"--audit-log-path={log}"]


def wait_ready(plane: ControlPlane) -> None:
    """Wait until the API server says that it is ready.

    Raises:
        ClusterError: a process ended or the limit passed; the message holds the end of its log.
    """
    context = ssl.create_default_context(cafile=str(plane.ca_file))
    headers = {"Authorization": f"Bearer {plane.token}"}

    def ready() -> bool:
        connection = http.client.HTTPSConnection(
            plane.url.removeprefix("https://"), context=context, timeout=5
        )
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz", headers=headers)
            return connection.getresponse().status == http.HTTPStatus.OK
        for name in ("etcd", "kube-apiserver"):
            if not processes.is_running(plane.folder, name):
                raise ClusterError(f"{name} ended:\n{processes.log_tail(plane.folder, name)}")
        return False

    if not processes.until(ready, READY_SECONDS):
        tail = processes.log_tail(plane.folder, "kube-apiserver")
        raise ClusterError(f"kube-apiserver not ready after {READY_SECONDS:.0f} s:\n{tail}")


def stop(folder: Path) -> None:
    """End both processes, the API server first so that it need not wait for etcd."""
    processes.stop(folder, "kube-apiserver", STOP_SECONDS)
    processes.stop(folder, "etcd", STOP_SECONDS)


@contextlib.contextmanager
def temporary(audit: str = "Metadata") -> Iterator[ControlPlane]:
    """Run a control plane on free loopback ports, its state in a folder that is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="modelward-api-"))
    api_port, etcd_port, peer_port = free_ports(3)
    addresses = Addresses(LOOPBACK, LOOPBACK, api_port, etcd_port, peer_port, "10.96.0.0/16")
    try:
        plane = launch(folder, addresses, {}, audit=audit, wrap=processes.dying_with_parent)
        wait_ready(plane)
        yield plane
    finally:
        stop(folder)
        shutil.rmtree(folder, ignore_errors=True)
