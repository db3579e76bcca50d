"""Reads what people write as the API server stores it; what cannot be read is said in one line.

An object may be older than a rule, or have been stored by another version: reading it raises
InvalidManifestError; that of a ModelDeployment becomes the condition Stalled with reason InvalidSpec.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modelward.api.approval import ModelApprovalSpec
from modelward.api.spec import NAME_RULE, ModelDeploymentSpec
from modelward.api.status import ModelDeploymentStatus


class InvalidManifestError(ValueError):
    """A manifest breaks the rules of the API; the message says where, and what to write instead."""


def read_spec(manifest: Mapping[str, Any]) -> ModelDeploymentSpec:
    """Return the spec of a ModelDeployment.

    Raises:
        InvalidManifestError: its name or spec breaks a rule.
    """
    name = manifest["metadata"]["name"]
    if not NAME_RULE.holds(name):
        message = f"metadata.name: {NAME_RULE.message}"
        raise InvalidManifestError(message)
    try:
        return ModelDeploymentSpec.model_validate(manifest.get("spec", {}))
    except ValidationError as error:
        raise InvalidManifestError(in_one_line("spec", error)) from error


def read_status(manifest: Mapping[str, Any]) -> ModelDeploymentStatus:
    """Return the status of a ModelDeployment; one that has none yet has every default.

    Raises:
        InvalidManifestError: it is not a status that this version writes.
    """
    try:
        return ModelDeploymentStatus.model_validate(manifest.get("status") or {})
    except ValidationError as error:
        raise InvalidManifestError(in_one_line("status", error)) from error


def read_approval(manifest: Mapping[str, Any]) -> ModelApprovalSpec:
    """Return the spec of a ModelApproval.

    Raises:
        InvalidManifestError: it breaks a rule.
    """
    try:
        return ModelApprovalSpec.model_validate(manifest.get("spec", {}))
    except ValidationError as error:
        raise InvalidManifestError(in_one_line("spec", error)) from error


def in_one_line(root: str, error: ValidationError) -> str:
    """Say where and how something breaks the rules, and what to write instead."""
    return "; ".join(
        f"{_path(root, problem['loc'])}: {_said(problem)}"
        for problem in error.errors(include_url=False, include_input=False)
    )


def _said(problem: ErrorDetails) -> str:
    match problem["type"]:
        case "extra_forbidden":
            return "no such field: leave it out"
        case "missing":
            return "required: write it"
        case _:
            return problem["msg"].removeprefix("Value error, ")


def _path(root: str, location: tuple[int | str, ...]) -> str:
    path = root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".")
