"""containerd, kubelet and kube-proxy of the one node: their configuration and start."""

import contextlib
import json
import subprocess
from pathlib import Path
from typing import Final

from dev.cluster import host, mounts, network, processes
from dev.cluster.errors import ClusterError
from dev.cluster.layout import (
    DNS_ADDRESS,
    KUBELET_PORT,
    NODE,
    NODE_ADDRESS,
    POD_CIDR,
    PROXY_HEALTH_PORT,
    PROXY_METRICS_PORT,
    Layout,
)
from dev.cluster.packages import cni_folder, command, search_path

START_SECONDS: Final = 30.0
IN_MEMORY_FROM_BYTES: Final = 16 * 2**30
"""Available memory from which images are kept there: they take 5 GiB, and pods as much. To write them to a
disk and remove them again can take minutes."""


def containerd_configuration(layout: Layout, pause_image: str) -> str:
    """Return containerd's configuration: everything in the cluster's folder, nothing pulled or shared."""
    home = layout.state / "containerd"
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{_contents(layout)}"
state = "{home}/state"
[grpc]
address = "{layout.containerd_socket}"
[plugins."io.containerd.internal.v1.opt"]
path = "{home}/opt"
[{cri}]
sandbox_image = "{pause_image}"
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
[{cri}.cni]
bin_dir = "{cni_folder()}"
conf_dir = "{layout.state}/cni"
[{cri}.containerd]
snapshotter = "overlayfs"
[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
Root = "{home}/runc"
SystemdCgroup = false
"""


def start_containerd(layout: Layout, pause_image: str) -> None:
    """Start containerd and wait until it answers.

    Raises:
        ClusterError: it ended or does not answer.
    """
    if processes.is_running(layout.state, "containerd"):
        return
    (layout.state / "cni").mkdir(exist_ok=True)
    if not _contents(layout).exists() and host.memory_available() >= IN_MEMORY_FROM_BYTES:
        mounts.keep_in_memory(_contents(layout))
    (layout.state / "cni" / "10-modelward.conflist").write_text(network.cni_configuration(layout))
    configuration = layout.state / "containerd.toml"
    configuration.write_text(containerd_configuration(layout, pause_image))
    command_line: list[str | Path] = [command("containerd") or "containerd", "-c", configuration]
    processes.start(layout.state, "containerd", command_line, {"PATH": search_path()})

    def answers() -> bool:
        if not processes.is_running(layout.state, "containerd"):
            raise ClusterError(f"containerd ended:\n{processes.log_tail(layout.state, 'containerd')}")
        return ctr(layout, "version").returncode == 0

    if not processes.until(answers, START_SECONDS):
        raise ClusterError(f"containerd does not answer:\n{processes.log_tail(layout.state, 'containerd')}")


def _contents(layout: Layout) -> Path:
    """Return where containerd keeps images and pods' files."""
    return layout.state / "containerd" / "root"


def ctr(layout: Layout, *words: str) -> subprocess.CompletedProcess[str]:
    """Run containerd's own client against this cluster's containerd, in Kubernetes' namespace."""
    client = [command("ctr") or "ctr", "--address", str(layout.containerd_socket), "--namespace", "k8s.io"]
    return subprocess.run([*client, *words], capture_output=True, text=True, check=False)


def kubelet_configuration(layout: Layout, certificate: Path) -> str:
    """Return kubelet's configuration as JSON: cgroup v1 allowed, no eviction, every folder ours."""
    settings = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "port": KUBELET_PORT,
        "healthzPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.network}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "maxPods": 200,
        "podLogsDir": str(layout.state / "pod-logs"),
        "resolvConf": str(layout.state / "resolv.conf"),
        "serializeImagePulls": False,
        "syncFrequency": "10s",
        "volumePluginDir": str(layout.state / "volume-plugins"),
    }
    return json.dumps(settings, indent=2)


def proxy_configuration(kubeconfig: Path) -> str:
    """Return kube-proxy's configuration as JSON: iptables, the host's tracking limits untouched."""
    settings = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "bindAddress": NODE_ADDRESS,
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "clusterCIDR": POD_CIDR,
        "healthzBindAddress": f"127.0.0.1:{PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"127.0.0.1:{PROXY_METRICS_PORT}",
        "hostnameOverride": NODE,
        "iptables": {"minSyncPeriod": "0s"},
        "nodePortAddresses": [f"{NODE_ADDRESS}/32"],
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
    return json.dumps(settings, indent=2)


def start_kubelet(layout: Layout, program: Path, kubeconfig: Path, certificate: Path) -> None:
    """Start kubelet; it registers the node by itself."""
    if processes.is_running(layout.state, "kubelet"):
        return
    configuration = layout.state / "kubelet.json"
    configuration.write_text(kubelet_configuration(layout, certificate))
    # Names outside the cluster are no business of its pods: no resolver of the machine's is passed on.
    (layout.state / "resolv.conf").write_text("")
    command_line: list[str | Path] = [
        *(program, f"--config={configuration}", f"--kubeconfig={kubeconfig}"),
        *(f"--root-dir={layout.state / 'kubelet'}", f"--cert-dir={layout.state / 'kubelet-keys'}"),
        *(f"--hostname-override={NODE}", f"--node-ip={NODE_ADDRESS}"),
    ]
    processes.start(layout.state, "kubelet", command_line, {"PATH": search_path()})


def start_proxy(layout: Layout, program: Path, kubeconfig: Path) -> None:
    """Start kube-proxy."""
    if processes.is_running(layout.state, "kube-proxy"):
        return
    _set_bridge_filtering()
    configuration = layout.state / "kube-proxy.json"
    configuration.write_text(proxy_configuration(kubeconfig))
    command_line: list[str | Path] = [program, f"--config={configuration}"]
    processes.start(layout.state, "kube-proxy", command_line, {"PATH": search_path()})


def _set_bridge_filtering() -> None:
    """Have traffic between pods of the same bridge pass iptables, or Services would not answer there."""
    setting = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if not setting.exists() and (modprobe := command("modprobe")):
        subprocess.run([modprobe, "br_netfilter"], capture_output=True, check=False)
    with contextlib.suppress(OSError):
        setting.write_text("1")
