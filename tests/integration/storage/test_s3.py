"""Models from a real S3 server."""

import subprocess
import uuid
from pathlib import Path

import pytest

from tests.integration.storage.conftest import S3
from tests.integration.storage.fetching import content, run_fetch


@pytest.fixture
def bucket() -> str:
    """Name a bucket of the test's own."""
    return f"models-{uuid.uuid4().hex[:8]}"


async def test_prefix(s3: S3, bucket: str, tmp_path: Path) -> None:
    """All under a prefix is copied, nothing that only begins like it; the message has the digest."""
    big = bytes(range(256)) * 4096 * 20
    s3.put(f"{bucket}/electricity/2/model.joblib", b"model")
    s3.put(f"{bucket}/electricity/2/sub/big", big)
    s3.put(f"{bucket}/electricity/20/other", b"other")
    run = await run_fetch(f"s3://{bucket}/electricity/2/", tmp_path, environment=s3.credentials)
    assert run.exit_code == 0
    assert content(tmp_path) == {"model.joblib": b"model", "sub/big": big}
    assert (run.message["files"], run.message["bytes"]) == (2, 5 + len(big))
    assert run.message["digest"] == _digest_by_coreutils(tmp_path / "model")


def _digest_by_coreutils(folder: Path) -> str:
    command = "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    run = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    return f"sha256:{run.stdout.split()[0]}"


async def test_single_object(s3: S3, bucket: str, tmp_path: Path) -> None:
    """A URI that names one object copies that."""
    s3.put(f"{bucket}/a/model.bin", b"model")
    run = await run_fetch(f"s3://{bucket}/a/model.bin", tmp_path, environment=s3.credentials)
    assert (run.exit_code, content(tmp_path)) == (0, {"model.bin": b"model"})


async def test_digest_does_not_depend_on_the_store(s3: S3, bucket: str, tmp_path: Path) -> None:
    """The same content has the same digest from S3 and from a folder."""
    s3.put(f"{bucket}/m/a", b"1")
    s3.put(f"{bucket}/m/b/c", b"2")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = await run_fetch(f"s3://{bucket}/m", tmp_path / "one", environment=s3.credentials)
    two = await run_fetch(f"file://{tmp_path}/one/model", tmp_path / "two")
    assert one.message["digest"] == two.message["digest"]


@pytest.mark.parametrize("path", ["nothing/here", "a/mod"])
async def test_nothing_there(s3: S3, bucket: str, tmp_path: Path, path: str) -> None:
    """An empty prefix is NotFound, at once, and never an empty model."""
    s3.put(f"{bucket}/a/model.bin", b"model")
    run = await run_fetch(f"s3://{bucket}/{path}", tmp_path, environment=s3.credentials)
    assert (run.exit_code, run.message["reason"]) == (1, "NotFound")
    assert run.errors == [run.message["message"]]
    assert f"s3://{bucket}/{path}" in run.errors[0]


async def test_missing_bucket(s3: S3, tmp_path: Path) -> None:
    """A bucket that is not there is NotFound."""
    run = await run_fetch("s3://no-such-bucket/a", tmp_path, environment=s3.credentials)
    assert (run.exit_code, run.message["reason"]) == (1, "NotFound")


async def test_wrong_credentials(s3: S3, bucket: str, tmp_path: Path) -> None:
    """Credentials that the store refuses are AccessDenied, with the secret's place, at once."""
    s3.put(f"{bucket}/a/model.bin", b"model")
    wrong = {**s3.credentials, "AWS_SECRET_ACCESS_KEY": "another-secret"}
    run = await run_fetch(f"s3://{bucket}/a", tmp_path, environment=wrong)
    assert (run.exit_code, run.message["reason"]) == (1, "AccessDenied")
    assert "storageSecretName" in run.message["message"]


async def test_unreachable_store(tmp_path: Path) -> None:
    """A store that can't be reached is tried for a while, then Unreachable with the cause."""
    environment = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    run = await run_fetch("s3://b/a", tmp_path, stall_seconds=2, environment=environment)
    assert (run.exit_code, run.message["reason"]) == (1, "Unreachable")
    assert len(run.errors) == 1
    assert "127.0.0.1:1" in run.errors[0]


async def test_overwritten_model(s3: S3, bucket: str, tmp_path: Path) -> None:
    """A model that was overwritten at its URI fails by the digest of the spec or of the recorded file."""
    s3.put(f"{bucket}/m/a", b"first")
    first = await run_fetch(f"s3://{bucket}/m", tmp_path, environment=s3.credentials)
    s3.put(f"{bucket}/m/a", b"other")
    for name in ("by-spec", "by-file"):
        folder = tmp_path / name
        folder.mkdir()
        digest = first.message["digest"]
        given = {"MODELWARD_EXPECTED_DIGEST": digest} if name == "by-spec" else {}
        if name == "by-file":
            (folder / "model-digest").write_text(digest + "\n")
        run = await run_fetch(f"s3://{bucket}/m", folder, environment={**s3.credentials, **given})
        assert (run.exit_code, run.message["reason"]) == (1, "DigestMismatch")
        assert digest in run.message["message"]
        s3.put(f"{bucket}/m/a", b"first")
        assert (
            await run_fetch(f"s3://{bucket}/m", folder, environment={**s3.credentials, **given})
        ).exit_code == 0
        s3.put(f"{bucket}/m/a", b"other")


async def test_empty_recorded_digest(s3: S3, bucket: str, tmp_path: Path) -> None:
    """An empty file of the recorded digest means that this fetch is the first."""
    s3.put(f"{bucket}/m/a", b"first")
    (tmp_path / "model-digest").write_text("")
    assert (await run_fetch(f"s3://{bucket}/m", tmp_path, environment=s3.credentials)).exit_code == 0


async def test_whole_model_is_verified_without_the_store(s3: S3, bucket: str, tmp_path: Path) -> None:
    """A container that restarts beside a whole model needs no store; a damaged one is fetched again."""
    s3.put(f"{bucket}/m/a", b"model")
    uri = f"s3://{bucket}/m"
    first = await run_fetch(uri, tmp_path, environment=s3.credentials)
    away = {**s3.credentials, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    again = await run_fetch(uri, tmp_path, stall_seconds=1, environment=away)
    assert (again.exit_code, again.message["digest"]) == (0, first.message["digest"])
    (tmp_path / "model" / "a").write_bytes(b"damaged")
    assert (await run_fetch(uri, tmp_path, stall_seconds=1, environment=away)).exit_code == 1
    assert (await run_fetch(uri, tmp_path, environment=s3.credentials)).exit_code == 0
    assert content(tmp_path) == {"a": b"model"}


async def test_leftovers_are_removed(s3: S3, bucket: str, tmp_path: Path) -> None:
    """What an earlier fetch of another model left is no part of this one."""
    s3.put(f"{bucket}/m/a", b"model")
    (tmp_path / "model" / "old").mkdir(parents=True)
    (tmp_path / "model" / "old" / "file").write_bytes(b"old")
    assert (await run_fetch(f"s3://{bucket}/m", tmp_path, environment=s3.credentials)).exit_code == 0
    assert content(tmp_path) == {"a": b"model"}
