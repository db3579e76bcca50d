"""The Secret with the deployment's keys: signing of receipts, and the monitors' admin port."""

from base64 import b64encode

from modelward import conventions as names
from modelward.render.identity import DeploymentIdentity, KeyMaterial
from modelward.render.manifest import Manifest, deployment_labels, owned


def keys_secret_name(deployment: str) -> str:
    """Return the name of the Secret of a deployment."""
    return f"{deployment}-modelward"


def keys_secret(identity: DeploymentIdentity, keys: KeyMaterial) -> Manifest:
    """Return the Secret, mounted into every monitor."""
    contents = {names.FILE_RECEIPT_KEY: keys.receipt_keys, names.FILE_ADMIN_TOKEN: keys.admin_token}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": owned(identity, keys_secret_name(identity.name), deployment_labels(identity, "keys")),
        "type": "Opaque",
        "data": {file: b64encode(text.encode()).decode() for file, text in contents.items()},
    }
