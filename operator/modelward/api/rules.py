"""Rules of the API, each said once for both of its readers.

A `Rule` holds the same condition in CEL, which the API server evaluates when a manifest is applied,
and in Python, which reads objects that were stored before the rule existed; both say the same to the
person. Rules stand next to what they rule: on one value as `Annotated[T, Rule(...)]`, across the
fields of a type in its `rules`. `modelward.api.crd` writes the CEL into the CRD.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

KEY_VALIDATIONS: Final = "x-kubernetes-validations"
KEY_LIST_TYPE: Final = "x-kubernetes-list-type"
KEY_LIST_MAP_KEYS: Final = "x-kubernetes-list-map-keys"

JSONSchema: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on a value, in CEL and in Python, and what to write instead when it does not hold."""

    cel: str
    """Over `self`, as in https://kubernetes.io/docs/reference/using-api/cel/."""
    message: str
    holds: Callable[[Any], bool]
    """The same over the parsed value."""
    field_path: str = ""
    """Field below `self` that the API server names in its answer, such as `.metadata.name`."""

    def validation(self) -> JSONSchema:
        """Return the entry of `x-kubernetes-validations`."""
        path = {"fieldPath": self.field_path} if self.field_path else {}
        # Without it a rule that mentions oldSelf would not be checked when an object is made.
        old = {"optionalOldSelf": True} if "oldSelf" in self.cel else {}
        return {"rule": self.cel, "message": self.message, **path, **old}

    def check(self, value: Any) -> Any:  # noqa: ANN401 - whatever type carries the rule
        """Return the value; raises ValueError with the message if the rule does not hold."""
        if not self.holds(value):
            raise ValueError(self.message)
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check after the value was parsed."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JSONSchema:
        """Add the CEL."""
        written = handler(schema)
        return {**written, KEY_VALIDATIONS: [*written.get(KEY_VALIDATIONS, ()), self.validation()]}


@dataclass(frozen=True, slots=True)
class ListMap:
    """Marks a list whose items are told apart by a key; server-side apply merges it item by item."""

    key: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JSONSchema:
        """Add the list type."""
        return {**handler(schema), KEY_LIST_TYPE: "map", KEY_LIST_MAP_KEYS: [self.key]}


@dataclass(frozen=True, slots=True)
class Distinct:
    """Marks a list without duplicates where a rule in CEL would cost too much: the API server has its own.

    Args:
        message: what to write instead.
        key: the items' key; empty for a list of values.
    """

    message: str
    key: str = ""

    def check(self, items: Any) -> Any:  # noqa: ANN401 - a sequence, or None where it is optional
        """Return the items; raises ValueError with the message if two are the same."""
        keys = [getattr(item, self.key) if self.key else item for item in items or ()]
        if len(set(keys)) != len(keys):
            raise ValueError(self.message)
        return items

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check after the value was parsed."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JSONSchema:
        """Add the list type."""
        if self.key:
            return {**handler(schema), KEY_LIST_TYPE: "map", KEY_LIST_MAP_KEYS: [self.key]}
        return {**handler(schema), KEY_LIST_TYPE: "set"}


def matches(pattern: str, message: str) -> Rule:
    """Return the rule that a whole string matches a pattern that RE2 and Python read alike."""
    compiled = re.compile(pattern)
    return Rule(f"self.matches(r'^({pattern})$')", message, lambda text: compiled.fullmatch(text) is not None)
