"""Turns the JSON Schema of the API types into a structural schema, the form that a CRD may have.

References are spelled out, `null` becomes "may be left out", defaults are written as a manifest writes
them, and descriptions, list types and CEL rules are kept.
Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from typing import Any, Final, TypeAlias, get_args

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from modelward.api.base import APIType
from modelward.api.rules import KEY_LIST_TYPE, KEY_VALIDATIONS

Schema: TypeAlias = dict[str, Any]

_LEFT_OUT: Final = {"title", "$ref", "$defs", "anyOf", "const", "additionalProperties"}
_ORDER: Final = ("description", "type", "format", "enum", "default")
"""What a reader looks for first."""
_INT32_MAX: Final = 2**31 - 1


def structural_schema(root: type[APIType], replaced: dict[tuple[str, str], Schema]) -> Schema:
    """Return the structural schema of a type.

    Args:
        root: the type.
        replaced: schema of a field, by (name of its type, alias), where its own says too little; its
            description and rules are kept.
    """
    written = root.model_json_schema(by_alias=True)
    definitions = {**written.pop("$defs", {}), root.__name__: written}
    for cls in _types_in(root):
        _complete(definitions[cls.__name__], cls, replaced)
    return _structural(definitions[root.__name__], definitions)


def _types_in(annotation: Any) -> set[type[APIType]]:  # noqa: ANN401 - a type, or what stands for one
    """Return every API type that an annotation mentions, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, APIType):
        fields = annotation.model_fields.values()
        return {annotation}.union(*(_types_in(field.annotation) for field in fields))
    return set().union(*(_types_in(argument) for argument in get_args(annotation)))


def _complete(schema: Schema, cls: type[APIType], replaced: dict[tuple[str, str], Schema]) -> None:
    """Add to a type's schema what pydantic does not write: its rules, its defaults as in a manifest."""
    if cls.rules:
        schema[KEY_VALIDATIONS] = [rule.validation() for rule in cls.rules]
    for field in cls.model_fields.values():
        alias = field.alias or ""
        written = schema["properties"][alias]
        written.pop("default", None)
        if (cls.__name__, alias) in replaced:
            kept = {key: written[key] for key in ("description", KEY_VALIDATIONS) if key in written}
            written = schema["properties"][alias] = {**replaced[cls.__name__, alias], **kept}
        default = _default(field)
        if default is not None:
            written["default"] = default


def _default(field: FieldInfo) -> Any:  # noqa: ANN401 - any JSON value
    """Return a field's default as a manifest writes it; None if there is none."""
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True)
    if value is None or value == "":
        return None
    # Spelled out to the leaves: CEL is checked on a default before nested defaults are filled in.
    adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
    return adapter.dump_python(value, mode="json", by_alias=True, exclude_none=True)


def _structural(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    if "x-kubernetes-int-or-string" in schema:
        return schema
    source = _resolved(schema, definitions)
    result = {key: value for key, value in source.items() if key not in _LEFT_OUT}
    if "const" in source:
        result["enum"] = [source["const"]]
    if isinstance(source.get("additionalProperties"), dict):
        result["additionalProperties"] = _structural(source["additionalProperties"], definitions)
    if "properties" in source:
        result["properties"] = {
            name: _structural(value, definitions) for name, value in source["properties"].items()
        }
    if source.get("type") == "array":
        result["items"] = _structural(source["items"], definitions)
        result.setdefault(KEY_LIST_TYPE, "atomic")
    if source.get("type") == "integer" and "format" not in source:
        result["format"] = "int32" if source.get("maximum", _INT32_MAX + 1) <= _INT32_MAX else "int64"
    if "description" in result:
        result["description"] = " ".join(result["description"].split())
    return {key: result[key] for key in (*_ORDER, *result) if key in result}


def _resolved(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Follow a reference or an optional to what it stands for; what is said at hand goes first."""
    target: Schema = {}
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
    elif "anyOf" in schema:
        (target,) = (choice for choice in schema["anyOf"] if choice.get("type") != "null")
    if not target:
        return schema
    return {
        **_resolved(target, definitions),
        **{k: v for k, v in schema.items() if k not in {"$ref", "anyOf"}},
    }
