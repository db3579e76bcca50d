"""The JSON that Alertmanager's webhook receiver sends, version 4.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Fields that nothing here
reads are passed over, so that a newer Alertmanager which adds some is still understood.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True, strict=True)


class Alert(_Message):
    """One alert of a notification."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    starts_at: datetime
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]


class Notification(_Message):
    """A group of alerts."""

    version: Literal["4"]
    alerts: tuple[Alert, ...]
