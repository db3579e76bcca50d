"""How a type becomes a structural schema."""

from typing import Annotated, Literal

from pydantic import Field

from modelward.api.base import APIType
from modelward.api.quantities import Duration
from modelward.api.rules import ListMap, Rule
from modelward.api.structural import structural_schema


class Leaf(APIType):
    """A leaf."""

    kind: Literal["only"]
    size: Annotated[int, Field(ge=0, le=5)] = 3


class Tree(APIType):
    """A tree.

    It has leaves.
    """

    leaf: Leaf | None = None
    best: Leaf = Leaf(kind="only")
    """The best leaf."""
    leaves: Annotated[tuple[Leaf, ...], ListMap("kind"), Field(max_length=2)] = ()
    names: tuple[str, ...] = ()
    notes: dict[str, Leaf] = Field(default_factory=dict)
    age: Annotated[Duration, Rule("self != '1s'", "write another", lambda _: True)] | None = None

    rules = (Rule("has(self.leaf)", "write a leaf", lambda _: True),)


_SCHEMA = structural_schema(Tree, {("Leaf", "size"): {"type": "number"}})
_FIELDS = _SCHEMA["properties"]


def test_an_optional_type_is_spelled_out_and_not_required() -> None:
    """`X | None` must become X, which may be left out."""
    assert _FIELDS["leaf"]["properties"]["kind"] == {"type": "string", "enum": ["only"]}
    assert "required" not in _SCHEMA
    assert _FIELDS["leaf"]["required"] == ["kind"]


def test_what_is_said_of_a_field_goes_before_what_is_said_of_its_type() -> None:
    """A field's own description must be the one that is shown."""
    assert _FIELDS["best"]["description"] == "The best leaf."
    assert _FIELDS["leaf"]["description"] == "A leaf."
    assert _SCHEMA["description"] == "A tree. It has leaves."


def test_defaults_are_as_in_a_manifest() -> None:
    """A default must be spelled out to its leaves, and None must be none."""
    assert _FIELDS["best"]["default"] == {"kind": "only", "size": 3}
    assert _FIELDS["leaves"]["default"] == []
    assert "default" not in _FIELDS["leaf"]


def test_lists_have_a_type() -> None:
    """A list must be a map where it is marked as one, and atomic otherwise."""
    assert _FIELDS["leaves"]["x-kubernetes-list-type"] == "map"
    assert _FIELDS["leaves"]["x-kubernetes-list-map-keys"] == ["kind"]
    assert _FIELDS["names"]["x-kubernetes-list-type"] == "atomic"


def test_values_of_a_map_are_spelled_out() -> None:
    """A map's values must have their schema in place."""
    assert _FIELDS["notes"]["additionalProperties"]["description"] == "A leaf."


def test_rules_are_kept_in_order() -> None:
    """A value's rules must be its type's and then its own; a type's rules are its own."""
    assert [rule["rule"] for rule in _SCHEMA["x-kubernetes-validations"]] == ["has(self.leaf)"]
    syntax, own = _FIELDS["age"]["x-kubernetes-validations"]
    assert "not a duration" in syntax["message"]
    assert own == {"rule": "self != '1s'", "message": "write another"}


def test_a_replaced_field_keeps_its_default() -> None:
    """A schema from elsewhere must not lose what the type says about the field."""
    assert _FIELDS["leaf"]["properties"]["size"]["type"] == "number"
    assert _FIELDS["leaf"]["properties"]["size"]["default"] == 3
