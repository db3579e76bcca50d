"""The base of every API type: camelCase on the wire, immutable in memory, nothing unknown accepted."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class APIType(BaseModel):
    """A Kubernetes API type: camelCase aliases, frozen; unknown fields raise ValidationError."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )
