"""The keys of a control plane, made with openssl.

One self-signed certificate is authority, API server and API server's client at once: it is read by
this machine's own processes and pods, and lives as long as the cluster.
"""

import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.cluster.errors import ClusterError

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files with a control plane's keys, and one bearer token per user."""

    certificate: Path
    key: Path
    service_account_key: Path
    token_file: Path
    """kube-apiserver's --token-auth-file."""
    tokens: dict[str, str]


def ensure(folder: Path, names: Sequence[str], users: dict[str, str]) -> Credentials:
    """Return the keys in a folder, made for a server known by these names if they are not there.

    Args:
        folder: where the files are; whoever else may use the machine cannot read it.
        names: subject alternative names in openssl's notation, such as `IP:127.0.0.1`.
        users: group of each user that gets a token.

    Raises:
        ClusterError: openssl is missing or failed.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate, key, signer = folder / "api.crt", folder / "api.key", folder / "service-account.key"
    token_file = folder / "tokens.csv"
    if not token_file.exists():  # the last to be written
        _make_certificate(certificate, key, names)
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(signer))
        lines = (f'{secrets.token_urlsafe(32)},{user},{user},"{group}"\n' for user, group in users.items())
        token_file.write_text("".join(lines))
    rows = (line.split(",") for line in token_file.read_text().splitlines())
    return Credentials(certificate, key, signer, token_file, {user: token for token, user, *_ in rows})


def _make_certificate(certificate: Path, key: Path, names: Sequence[str]) -> None:
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365"),
        *("-subj", "/O=system:masters/CN=kube-apiserver"),
        *("-addext", f"subjectAltName={','.join(names)}"),
        *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
        *("-addext", "extendedKeyUsage=serverAuth,clientAuth"),
        *("-keyout", str(key), "-out", str(certificate)),
    )


def _openssl(*arguments: str) -> None:
    if shutil.which("openssl") is None:
        message = "openssl is not on PATH: install it (Debian: apt-get install openssl)"
        raise ClusterError(message)
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"openssl {arguments[0]} failed: {done.stderr.strip()}"
        raise ClusterError(message)


def kubeconfig(path: Path, url: str, certificate: Path, token: str) -> Path:
    """Write a kubeconfig for one user of one server, its token inside; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: modelward\n"
        "clusters: [{name: modelward, cluster: "
        f"{{server: '{url}', certificate-authority: '{certificate}'}}}}]\n"
        f"users: [{{name: modelward, user: {{token: '{token}'}}}}]\n"
        "contexts: [{name: modelward, context: {cluster: modelward, user: modelward}}]\n"
    )
    return path
