"""The name of a revision: a hash of everything the team wrote that changes what is served."""

import hashlib
from typing import Any, Final

import orjson

from modelward.api.spec import ModelDeploymentSpec

# No vowels and no 0/1/3, as in Kubernetes' own SafeEncodeString, so that no hash spells a word.
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_LENGTH: Final = 10


def revision_inputs(spec: ModelDeploymentSpec) -> dict[str, Any]:
    """Return the part of `spec` that changes what is served: model and server.

    Defaults are left out, so that a field added by an operator upgrade makes no new revision.
    """
    return {
        "model": spec.model.model_dump(by_alias=True, mode="json", exclude_defaults=True),
        "server": spec.server.model_dump(by_alias=True, mode="json", exclude_defaults=True),
    }


def revision_name(deployment: str, inputs: dict[str, Any]) -> str:
    """Return NAME-HASH for a deployment's revision; equal inputs give equal names."""
    digest = hashlib.sha256(orjson.dumps(inputs, option=orjson.OPT_SORT_KEYS)).digest()
    number = int.from_bytes(digest[:8])
    letters: list[str] = []
    for _ in range(_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return f"{deployment}-{''.join(letters)}"
