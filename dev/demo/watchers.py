"""Two threads: one reads the replay's log, one follows the ModelDeployment's status."""

import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from dev.demo.cluster import Cluster
from dev.demo.record import Answer, Sighting, read_traffic
from dev.demo.screen import Screen
from modelward.cli.access import Access, Scope
from modelward.cli.failure import CommandError
from modelward.cli.resource import Deployment


class StatusWatcher:
    """Keeps every status seen, and wakes whoever waits for one."""

    def __init__(self, access: Access, scope: Scope, screen: Screen) -> None:
        """Prepare; `start` begins to follow."""
        self._access, self._scope, self._screen = access, scope, screen
        self._changed = threading.Condition()
        self._sightings: list[Sighting] = []
        self._latest: Deployment | None = None
        self._error: Exception | None = None

    def start(self) -> None:
        """Follow in a thread that ends with the program."""
        threading.Thread(target=self._follow, name="status", daemon=True).start()

    def sightings(self) -> tuple[Sighting, ...]:
        """Return every status seen so far, oldest first."""
        with self._changed:
            return tuple(self._sightings)

    def wait(self, until: Callable[[Deployment], bool], seconds: float) -> Deployment | None:
        """Return the first deployment seen from now on for which `until` holds, or None in time.

        Raises:
            CommandError: the API server could not be followed any more.
        """
        found: Deployment | None = None

        def is_done() -> bool:
            nonlocal found
            if self._error is not None:
                raise self._error
            if self._latest is not None and until(self._latest):
                found = self._latest
            return found is not None

        with self._changed:
            self._changed.wait_for(is_done, seconds)
        return found

    def _follow(self) -> None:
        try:
            for deployments in self._access.follow(self._scope):
                for deployment in deployments:
                    self._take(deployment)
        except CommandError as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _take(self, deployment: Deployment) -> None:
        self._screen.changed(deployment)
        with self._changed:
            self._latest = deployment
            self._sightings.append(Sighting(datetime.now(UTC), deployment.status))
            self._changed.notify_all()


class TrafficWatcher:
    """Follows the replay's log for the screen; the record itself is read whole at the end."""

    def __init__(self, cluster: Cluster, namespace: str, pod: str, screen: Screen) -> None:
        """Prepare; `start` begins to follow."""
        self._command = cluster.kubectl_command("logs", "--follow", "--namespace", namespace, pod)
        self._screen = screen
        self._arrived = threading.Condition()
        self._versions: dict[str, int] = {}

    def start(self) -> None:
        """Follow in a thread that ends with the program."""
        threading.Thread(target=self._follow, name="traffic", daemon=True).start()

    def wait_for_answers(self, count: int, version: str, seconds: float) -> bool:
        """Return whether `version` has answered `count` requests within this time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: self._versions.get(version, 0) >= count, seconds)

    def _follow(self) -> None:
        log = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        for line in log.stdout or ():
            for answer in read_traffic([line]).answers:
                self._take(answer)

    def _take(self, answer: Answer) -> None:
        self._screen.answered(answer)
        with self._arrived:
            self._versions[answer.version] = self._versions.get(answer.version, 0) + 1
            self._arrived.notify_all()
