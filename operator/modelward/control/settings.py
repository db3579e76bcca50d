"""The operator's settings: one YAML file, by default /etc/modelward/operator.yaml, mounted by the chart."""

from pathlib import Path
from typing import Annotated, Final, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from modelward import conventions as names
from modelward.api.base import APIType

DEFAULT_PATH: Final = Path("/etc/modelward/operator.yaml")


class SettingsError(ValueError):
    """The settings cannot be used; the message says which, and what to write instead."""


class Prometheus(APIType):
    """A Prometheus, Thanos or Mimir HTTP API."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
    """Base address, such as http://prometheus.monitoring:9090."""
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    headers: dict[str, str] = Field(default_factory=dict)
    """Added to each request; a tenant, for instance: {X-Scope-OrgID: team-a}."""
    bearer_token_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None


class Images(APIType):
    """Images of the containers injected into serving pods, and of gates' pods."""

    monitor: Annotated[str, Field(min_length=1)]
    fetch: Annotated[str, Field(min_length=1)]
    collector: Annotated[str, Field(min_length=1)]
    gates: Annotated[str, Field(min_length=1)]


class AlertmanagerWebhook(APIType):
    """The receiver of Alertmanager's notifications."""

    token_file: Path
    """File with the bearer token that Alertmanager must send."""


class MonitoringLabels(APIType):
    """Labels by which the cluster's Prometheus selects what is made for it."""

    pod_monitor: dict[str, str] = Field(default_factory=dict)
    prometheus_rule: dict[str, str] = Field(default_factory=dict)


class LeaseSettings(APIType):
    """The leader's Lease."""

    namespace: Annotated[str, Field(min_length=1, max_length=63)] = "modelward-system"
    name: Annotated[str, Field(min_length=1, max_length=253)] = "modelward-operator"
    duration_seconds: Annotated[int, Field(ge=1, le=3600)] = 15
    """How long others wait for one that no longer renews it."""
    renew_deadline_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    """How long a leader tries to renew it, before it ends."""
    retry_period_seconds: Annotated[int, Field(ge=1, le=3600)] = 2
    """Between two renewals, and two looks at another's."""

    @model_validator(mode="after")
    def _leader_ends_first(self) -> Self:
        """Refuse periods with which a leader would still write when another takes its lease."""
        if not self.retry_period_seconds < self.renew_deadline_seconds < self.duration_seconds:
            raise ValueError(
                "write a retryPeriodSeconds below renewDeadlineSeconds, and that below durationSeconds"
            )
        return self


class Settings(APIType):
    """Everything that can be set."""

    prometheus: Prometheus
    prometheus_per_namespace: dict[str, Prometheus] = Field(default_factory=dict)
    """Another Prometheus for deployments in a namespace."""
    evaluation_delay_seconds: Annotated[float, Field(ge=0, le=600)] = float(names.BLOCK_SECONDS)
    """How long after its end a block is asked for; more for Thanos or Mimir."""
    images: Images
    alertmanager_webhook: AlertmanagerWebhook | None = None
    """Without it the receiver is off."""
    runbook_base_url: Annotated[str, Field(pattern=r"^(https?://[^\s]+)?$")] = ""
    """Folder of the runbooks, as people read it; the alert's name and .md are added."""
    monitoring_labels: MonitoringLabels = MonitoringLabels()
    namespaces: tuple[Annotated[str, Field(min_length=1, max_length=63)], ...] = ()
    """Namespaces whose ModelDeployments are served; none: all of them."""
    lease: LeaseSettings = LeaseSettings()
    workers: Annotated[int, Field(ge=1, le=64)] = 4
    """Deployments reconciled at once."""
    relist_minutes: Annotated[float, Field(ge=1, le=60)] = 7.0
    """How often everything is listed anew, which repairs what a watch has missed."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = names.PORT_OPERATOR_HTTP
    alerts_port: Annotated[int, Field(ge=0, le=65535)] = names.PORT_OPERATOR_ALERTS


def read(path: Path) -> Settings:
    """Read the settings from a YAML file.

    Raises:
        SettingsError: there is no such file, it is not YAML, or a setting is wrong.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot read the settings: {error}; give their file with --config"
        raise SettingsError(message) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = f"{path} is not YAML: {error}"
        raise SettingsError(message) from error
    if not isinstance(document, dict):
        message = f"{path} must hold a mapping such as 'prometheus: {{url: ...}}'"
        raise SettingsError(message)
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        problems = (
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        message = f"{path}: " + "; ".join(problems)
        raise SettingsError(message) from error
