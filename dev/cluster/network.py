"""The node's interface, the pods' network, and the removal of exactly what they left behind."""

import ipaddress
import json
import re
import subprocess
from collections.abc import Iterator
from typing import Final

from dev.cluster.errors import ClusterError
from dev.cluster.layout import NODE_ADDRESS, POD_CIDR, SERVICE_CIDR, Layout
from dev.cluster.packages import command

_KUBERNETES_CHAIN: Final = re.compile(r"KUBE-[A-Z0-9-]+")
_RULE: Final = re.compile(r"-A (\S+) (.*)")
_JUMP: Final = re.compile(r"(?:^| )-[jg] (\S+)")


def run(*words: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run one of the system's network commands.

    Raises:
        ClusterError: it failed and `check` is set.
    """
    done = subprocess.run(
        [command(words[0]) or words[0], *words[1:]], input=stdin, capture_output=True, text=True, check=False
    )
    if check and done.returncode != 0:
        raise ClusterError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done


def add_node_link(layout: Layout) -> None:
    """Make the interface with the node's address: a bridge without ports, which every kernel has."""
    if run("ip", "link", "show", layout.node_link, check=False).returncode != 0:
        run("ip", "link", "add", layout.node_link, "type", "bridge")
    run("ip", "address", "replace", f"{NODE_ADDRESS}/32", "dev", layout.node_link)
    run("ip", "link", "set", layout.node_link, "up")


def keep_service_addresses(layout: Layout) -> None:
    """Refuse what pods send to a Service's address that kube-proxy does not know, or no longer.

    It would leave the machine by its default route, and whoever is there might answer it.
    """
    forget_service_addresses(layout)
    run("ip", "rule", "add", *_to_services(layout), "unreachable")


def forget_service_addresses(layout: Layout) -> None:
    """Remove that rule."""
    run("ip", "rule", "delete", *_to_services(layout), "unreachable", check=False)


def _to_services(layout: Layout) -> tuple[str, ...]:
    return ("iif", layout.pod_bridge, "to", SERVICE_CIDR)


def remove_links(layout: Layout) -> None:
    """Remove both interfaces; the pods' ends go with their network namespaces."""
    for link in (layout.pod_bridge, layout.node_link):
        if run("ip", "link", "show", link, check=False).returncode == 0:
            run("ip", "link", "delete", link)


def cni_configuration(layout: Layout) -> str:
    """Return the pods' network as a CNI configuration list."""
    addresses = {
        "type": "host-local",
        "dataDir": str(layout.state / "addresses"),
        "ranges": [[{"subnet": str(next(ipaddress.ip_network(POD_CIDR).subnets(new_prefix=24)))}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": layout.pod_bridge,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": addresses,
    }
    return json.dumps({"cniVersion": "0.4.0", "name": layout.network, "plugins": [bridge]}, indent=2)


def overlapping_routes(routes: str, ours: str) -> list[str]:
    """Return the machine's routes (`ip -4 route` text) into our ranges, but for those of our own links.

    Args:
        routes: what `ip -4 route` prints.
        ours: prefix of our interfaces' names.
    """
    wanted = [ipaddress.ip_network(cidr) for cidr in (POD_CIDR, SERVICE_CIDR, f"{NODE_ADDRESS}/32")]

    def overlaps(line: str) -> bool:
        first = line.split(maxsplit=1)[0]
        if first == "default" or f"dev {ours}" in line:
            return False
        try:
            route = ipaddress.ip_network(first, strict=False)
        except ValueError:
            return False
        return any(route.overlaps(network) for network in wanted)

    return [line.strip() for line in routes.splitlines() if line.strip() and overlaps(line)]


def kubernetes_chains(saved: str) -> list[str]:
    """Return Kubernetes' chains in the text of iptables-save."""
    return [
        line[1:].split(maxsplit=1)[0]
        for line in saved.splitlines()
        if _KUBERNETES_CHAIN.match(line[1:]) and line[0] == ":"
    ]


def removal(saved: str, network: str) -> str:
    """Return input for `iptables-restore --noflush` that removes the cluster's rules and no others.

    Kubernetes' chains are taken to be the cluster's, which is not brought up where there were any
    before; of the chains that CNI plugins make, those whose rules name our network.

    Args:
        saved: what iptables-save prints.
        network: name of the CNI network.
    """
    return "".join(_table_removal(table, lines, network) for table, lines in _tables(saved))


def _tables(saved: str) -> Iterator[tuple[str, list[str]]]:
    table = ""
    lines: list[str] = []
    for line in saved.splitlines():
        if line.startswith("*"):
            table, lines = line[1:], []
        elif line == "COMMIT":
            yield table, lines
        else:
            lines.append(line)


def _table_removal(table: str, lines: list[str], network: str) -> str:
    rules = [(found[1], found[2]) for line in lines if (found := _RULE.match(line))]
    named = re.compile(rf'name: \\?"{re.escape(network)}\\?"')
    ours = {line[1:].split()[0] for line in lines if line.startswith(":KUBE-")}
    ours |= {chain for chain, rule in rules if chain.startswith("CNI-") and named.search(rule)}
    ours |= {
        target[1]
        for _, rule in rules
        if named.search(rule) and (target := _JUMP.search(rule)) and target[1].startswith("CNI-")
    }
    jumps = [
        f"-D {chain} {rule}"
        for chain, rule in rules
        if chain not in ours and (target := _JUMP.search(rule)) and target[1] in ours
    ]
    if not ours:
        return ""
    flushes, deletions = [f"-F {chain}" for chain in sorted(ours)], [f"-X {chain}" for chain in sorted(ours)]
    return "\n".join([f"*{table}", *jumps, *flushes, *deletions, "COMMIT", ""])


def remove_rules(layout: Layout) -> None:
    """Remove the cluster's iptables rules, both families."""
    for family in ("iptables", "ip6tables"):
        if command(f"{family}-save") is None:
            continue
        changes = removal(run(f"{family}-save", check=False).stdout, layout.network)
        if changes:
            run(f"{family}-restore", "--noflush", stdin=changes)
