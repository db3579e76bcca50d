"""A real S3 server on a folder, which the tests of this folder share."""

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from dev.cluster import processes, programs
from dev.cluster.controlplane import free_ports

ACCESS_KEY, SECRET_KEY = "tests-access-key", "tests-secret-key"
START_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class S3:
    """A running S3 server."""

    root: Path
    """Its buckets."""
    port: int

    @property
    def credentials(self) -> dict[str, str]:
        """The environment that a storage secret gives."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def put(self, path: str, content: bytes) -> None:
        """Put an object, BUCKET/KEY."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """Run rclone's S3 server."""
    root = tmp_path_factory.mktemp("s3")
    server = S3(root, free_ports(1)[0])
    command: list[str | Path] = [
        *(programs.find("rclone"), "serve", "s3", "--addr", f"127.0.0.1:{server.port}"),
        *("--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--vfs-cache-mode", "off", "--dir-cache-time", "0s"),
        root,
    ]
    with (root.parent / "s3.log").open("wb") as log:
        process = subprocess.Popen(processes.dying_with_parent(command), stderr=log)
    try:
        _wait_until_listening(process, server.port)
        yield server
    finally:
        process.terminate()
        process.wait()


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
