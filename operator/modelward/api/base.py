"""The base of every API type: camelCase on the wire, immutable in memory, nothing unknown accepted."""

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from modelward.api.rules import Rule


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
    rules: ClassVar[tuple[Rule, ...]] = ()
    """What must hold between the fields of this type."""

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.rules:
            rule.check(self)
        return self
