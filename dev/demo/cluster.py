"""The cluster that the demonstration runs on, through kubectl and helm as a user would."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.cluster import current, images, layout, programs


class DemoError(Exception):
    """A command failed or something did not come about in time; the message says which."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Programs, kubeconfig and the images that the cluster has."""

    kubectl_program: Path
    helm_program: Path
    kubeconfig: Path | None
    """None: the one that kubectl takes by itself."""
    images: Mapping[str, str]
    """Full references by their short names: ours, otel-collector and toxiproxy."""

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """Run kubectl and return what it printed; raises DemoError if it fails."""
        return _run(self.kubectl_command(*arguments), text)

    def kubectl_command(self, *arguments: str) -> list[str]:
        """Return kubectl's command line."""
        return [str(self.kubectl_program), *self._kubeconfig(), *arguments]

    def helm(self, *arguments: str) -> str:
        """Run helm and return what it printed; raises DemoError if it fails."""
        return _run([str(self.helm_program), *self._kubeconfig(), *arguments], None)

    def with_images(self, manifest: str) -> str:
        """Return a manifest that names images as `modelward.dev/NAME:dev` with the cluster's own names."""
        for name, reference in self.images.items():
            manifest = manifest.replace(f"modelward.dev/{name}:dev", reference)
        return manifest

    def _kubeconfig(self) -> list[str]:
        return ["--kubeconfig", str(self.kubeconfig)] if self.kubeconfig else []


def this_cluster(*needed: str) -> Cluster:
    """Return this checkout's cluster, or with CLUSTER=current that of the current kube context.

    Of our images those named are built and loaded into it, without a name all.

    Raises:
        DemoError: the images could not be built.
        ClusterError: a program is missing and could not be built.
    """
    return Cluster(
        kubectl_program=programs.find("kubectl"),
        helm_program=programs.find("helm"),
        kubeconfig=None if current.chosen() else layout.of_checkout().kubeconfig,
        images=_images(needed),
    )


def _images(needed: Sequence[str]) -> dict[str, str]:
    """Build what has changed; return the references of the cluster's images by their short names."""
    command = [sys.executable, "-m", "dev.cluster", "images", *needed]
    built = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode != 0:
        raise DemoError("the images could not be built; see above")
    programs_of_demos = [images.of_program(name).reference for name in ("otel-collector", "toxiproxy")]
    references = [*built.stdout.split(), *programs_of_demos]
    return {reference.rsplit("/", 1)[-1].split(":")[0]: reference for reference in references}


def _run(command: Sequence[str], text: str | None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shown = " ".join(["$", Path(command[0]).name, *command[1:]])
        raise DemoError(f"{shown}\nfailed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
