"""kubectl as a function: what it printed, or an error that says what it complained of."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from dev.cluster.errors import ClusterError


@dataclass(frozen=True, slots=True)
class Kubectl:
    """The program and the cluster that it talks to."""

    program: Path
    kubeconfig: Path | None
    """None: the current context of the user's own."""

    def run(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - named as in subprocess.run
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, its output as text.

        Raises:
            ClusterError: it failed and `check` is set; the message holds what kubectl said.
        """
        where = ["--kubeconfig", str(self.kubeconfig)] if self.kubeconfig else []
        command = [str(self.program), *where, *arguments]
        done = subprocess.run(command, input=input, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise ClusterError(
                f"kubectl {' '.join(arguments)} failed ({done.returncode}): {done.stderr.strip()}"
            )
        return done

    def apply(self, *files: Path) -> None:
        """Server-side apply files or folders, and wait for those that are CRDs to be served."""
        paths = [word for path in files for word in ("-f", str(path))]
        applied = self.run("apply", "--server-side", "--force-conflicts", "-o", "name", *paths)
        definitions = [name for name in applied.stdout.split() if name.startswith("customresourcedefinition")]
        if definitions:
            self.run("wait", "--for=condition=Established", "--timeout=30s", *definitions)
