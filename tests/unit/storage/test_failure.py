"""Which of a store's errors end a fetch, and with which reason."""

import errno

import aiohttp
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from modelward.storage.classify import classify
from modelward.storage.failure import FetchError, Reason


def http(status: int) -> aiohttp.ClientResponseError:
    """An HTTP answer with an error status."""
    url = URL("http://x")
    info = aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict()), url)
    return aiohttp.ClientResponseError(info, (), status=status)


def s3(status: int) -> ClientError:
    """An S3 answer with an error status."""
    return ClientError({"Error": {"Code": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError("x"), Reason.NOT_FOUND),
        (PermissionError("no"), Reason.ACCESS_DENIED),
        (NoCredentialsError(), Reason.ACCESS_DENIED),
        (http(403), Reason.ACCESS_DENIED),
        (s3(401), Reason.ACCESS_DENIED),
        (OSError(errno.ENOSPC, "No space left on device"), Reason.NO_SPACE),
        (FetchError(Reason.UNSUPPORTED, "x"), Reason.UNSUPPORTED),
        (ValueError("odd"), Reason.UNREACHABLE),
    ],
)
def test_final_errors(error: Exception, reason: Reason) -> None:
    """These are not tried again."""
    found = classify(error, "s3://b/m")
    assert found is not None
    assert found.reason is reason


@pytest.mark.parametrize(
    "error",
    [
        http(503),
        s3(500),
        ConnectionResetError(),
        TimeoutError(),
        aiohttp.ServerDisconnectedError(),
        EndpointConnectionError(endpoint_url="http://x"),
        OSError(errno.EIO, "I/O error"),
    ],
)
def test_errors_that_may_pass(error: Exception) -> None:
    """These are tried again."""
    assert classify(error, "s3://b/m") is None
