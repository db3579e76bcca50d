"""Alertmanager's webhook: wakes the reconcile of the deployments that its alerts are about.

Nothing is believed here: the reconcile that is woken asks Prometheus. What is answered:

| status | when | Alertmanager then |
|---|---|---|
| 200 | the notification was taken in, also where its alerts are of no deployment known here | is done |
| 400, 413 | not a version 4 notification, or larger than 1 MiB | drops it and logs the answer |
| 401 | the bearer token is missing or wrong | drops it and logs the answer |
| 503 | it could not be taken in: not the leader, still starting, no token to compare with | tries again |

An alert names its deployment by the labels `namespace` and `modelward_deployment`; one without the second is
matched with `rollback.alerts` of the deployments in its namespace.
"""

import hmac
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from aiohttp import web
from pydantic import ValidationError

from modelward.conventions import ALERT_LABEL_DEPLOYMENT
from modelward.signals.alerts import MatchLabels, matches
from modelward.signals.credentials import SecretFile, SecretUnreadableError
from modelward.signals.key import Key
from modelward.signals.notification import Alert, Notification
from modelward.signals.telemetry import Telemetry

MAX_BODY_BYTES: Final = 1024 * 1024
REMEMBERED_ALERTS: Final = 10_000
"""Alerts remembered to tell repeats; beyond that the oldest are forgotten, and would wake once more."""
REPEAT_SECONDS: Final = 30.0
"""The same alert in the same state wakes once in this time: replicas of Alertmanager each send theirs."""

_log: Final = logging.getLogger(__name__)
_TRY_AGAIN: Final = 503


class Outcome(StrEnum):
    """What became of one alert; the label `outcome` of modelward_webhook_alerts_total."""

    WOKEN = "woken"
    REPEATED = "repeated"
    UNKNOWN_DEPLOYMENT = "unknown_deployment"
    """Its labels name a deployment that its namespace does not have."""
    FOREIGN_NAMESPACE = "foreign_namespace"
    """It names no namespace, or one without any deployment."""
    UNMATCHED = "unmatched"
    """It names no deployment, and no deployment of its namespace selects it."""


_LEVELS: Final = {Outcome.WOKEN: logging.INFO, Outcome.UNKNOWN_DEPLOYMENT: logging.WARNING}
"""Of the log; an Alertmanager may send every alert there is, and one that names a deployment is for us."""


class Directory(Protocol):
    """What the receiver must know about deployments."""

    def deployments(self, namespace: str) -> Iterable[Key]:
        """Deployments of a namespace; empty if there are none."""

    def alert_selectors(self, key: Key) -> Sequence[MatchLabels]:
        """`rollback.alerts[].matchLabels` of a deployment."""

    def unready(self) -> str:
        """Why nothing can be taken in now, for a person; empty: it can."""


@dataclass(slots=True)
class Repeats:
    """Remembers what was seen lately, in bounded memory."""

    clock: Callable[[], float]
    """Seconds that only rise."""
    _seen: OrderedDict[tuple[str, str, str], float] = field(init=False, default_factory=OrderedDict)

    def repeated(self, alert: Alert) -> bool:
        """Whether this alert was seen in this state within `REPEAT_SECONDS`; remembers it if not."""
        identity = (alert.fingerprint, alert.status, alert.starts_at.isoformat())
        now = self.clock()
        if now - self._seen.get(identity, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return True
        self._seen[identity] = now
        self._seen.move_to_end(identity)
        while len(self._seen) > REMEMBERED_ALERTS:
            self._seen.popitem(last=False)
        return False

    def __len__(self) -> int:
        """Return how many alerts are remembered."""
        return len(self._seen)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes notifications in."""

    token: SecretFile
    directory: Directory
    wake: Callable[[Key], None]
    repeats: Repeats
    telemetry: Telemetry

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one POST; see the module's table."""
        refusal = self._refusal(request)
        if refusal is not None:
            return self._answer(*refusal)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._answer(413, f"a notification is at most {MAX_BODY_BYTES} bytes; lower max_alerts")
        try:
            notification = Notification.model_validate_json(body)
        except ValidationError as error:
            return self._answer(400, f"not a version 4 notification of Alertmanager: {_first(error)}")
        outcomes = [self._take(alert) for alert in notification.alerts]
        return self._answer(200, f"taken in: {', '.join(outcomes) or 'no alerts'}")

    def _refusal(self, request: web.Request) -> tuple[int, str] | None:
        try:
            expected = f"Bearer {self.token.read()}"
        except SecretUnreadableError as error:
            _log.exception("the webhook's token cannot be read")
            return _TRY_AGAIN, str(error)
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(errors="surrogateescape"), expected.encode()):
            return 401, "the bearer token is missing or wrong; set http_config.authorization of this receiver"
        unready = self.directory.unready()
        return (_TRY_AGAIN, unready) if unready else None

    def _take(self, alert: Alert) -> Outcome:
        outcome, keys = self._addressed(alert)
        if outcome is Outcome.WOKEN and self.repeats.repeated(alert):
            outcome, keys = Outcome.REPEATED, ()
        for key in keys:
            self.wake(key)
        _log.log(_LEVELS.get(outcome, logging.DEBUG), "alert %s: %s", outcome, dict(alert.labels))
        self.telemetry.webhook_alert(outcome)
        return outcome

    def _addressed(self, alert: Alert) -> tuple[Outcome, Sequence[Key]]:
        labels = alert.labels
        present = tuple(self.directory.deployments(labels.get("namespace", "")))
        if not present:
            return Outcome.FOREIGN_NAMESPACE, ()
        if ALERT_LABEL_DEPLOYMENT in labels:
            named = Key(labels["namespace"], labels[ALERT_LABEL_DEPLOYMENT])
            return (Outcome.WOKEN, (named,)) if named in present else (Outcome.UNKNOWN_DEPLOYMENT, ())
        selecting = tuple(key for key in present if matches(labels, self.directory.alert_selectors(key)))
        return (Outcome.WOKEN, selecting) if selecting else (Outcome.UNMATCHED, ())

    def _answer(self, status: int, text: str) -> web.Response:
        self.telemetry.webhook_request(status)
        answer = web.Response(status=status, text=text + "\n")
        if status == _TRY_AGAIN:
            # Or each further try would come over the same connection, to a replica that only stands by.
            answer.force_close()
        return answer


def _first(error: ValidationError) -> str:
    """Name the first thing that is wrong, and where."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the body"
    return f"{where}: {first['msg']}"
