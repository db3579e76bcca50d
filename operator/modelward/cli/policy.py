"""The policy that a backtest replays under: a ModelDeployment, its spec, or a part of the spec."""

from pathlib import Path
from typing import Any, Final

import yaml

from modelward.api.reading import InvalidManifestError, read_spec
from modelward.api.spec import ModelDeploymentSpec
from modelward.cli.failure import CommandError

_NOT_ASKED: Final[dict[str, Any]] = {
    "model": {"uri": "s3://not/asked"},
    "server": {"template": {"spec": {"containers": [{"name": "model", "image": "not-asked"}]}}},
}
"""What a part of a spec may leave out: it has no bearing on evidence."""


def read_policy(path: Path | None) -> ModelDeploymentSpec:
    """Return the policy in a YAML file; that of a deployment without any settings if there is no file.

    Raises:
        CommandError: the file cannot be read, or breaks a rule of the API.
    """
    if path is None:
        return _spec({}, "the default policy")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CommandError(f"cannot read {path}: {error}") from error
    if isinstance(found, dict) and "spec" in found:
        found = found["spec"]
    if not isinstance(found, dict):
        raise CommandError(
            f"{path} is no ModelDeployment; write one, or a part of its spec such as objectives"
        )
    return _spec(found, str(path))


def _spec(fields: dict[str, Any], source: str) -> ModelDeploymentSpec:
    try:
        spec = read_spec({"metadata": {"name": "backtest"}, "spec": {**_NOT_ASKED, **fields}})
    except InvalidManifestError as error:
        raise CommandError(f"{source}: {error}") from error
    # A replay has the pods that history had; none would mean that nothing ever served.
    return spec if spec.replicas else spec.model_copy(update={"replicas": 1})
