"""The faulty server, reading an object of features from S3 for each prediction, as servers with a store do.

How long the read took is in the answer: `Server-Timing: storage;dur=MS`. FEATURES is the object,
s3://BUCKET/KEY; endpoint and credentials are the usual AWS_* variables. Runs beside faulty_server.py.
"""

import http.client
import os
import threading
import time
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from faulty_server import PORT, Handler

READ_SECONDS: Final = 10.0
SIGNED_SECONDS: Final = 7 * 24 * 3600
_thread = threading.local()


def signed_url(uri: str) -> str:
    """Return an address at which the object can be read without further credentials, for a week."""
    place = urlsplit(uri)
    client = botocore.session.get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    parameters = {"Bucket": place.netloc, "Key": place.path.lstrip("/")}
    url: str = client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=SIGNED_SECONDS)
    return url


URL: Final = urlsplit(signed_url(os.environ["FEATURES"]))


def read_features() -> None:
    """Read the object, over one connection for each client; raises OSError or HTTPException.

    What is in it is of no matter here: how long it takes to come is.
    """
    connection = getattr(_thread, "connection", None)
    if connection is None:
        connection = http.client.HTTPConnection(URL.hostname or "", URL.port, timeout=READ_SECONDS)
        _thread.connection = connection
    try:
        connection.request("GET", f"{URL.path}?{URL.query}")
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        raise
    if answer.status != HTTPStatus.OK:
        raise OSError(f"{answer.status} {answer.reason}")


class FeatureHandler(Handler):
    """One connection, kept alive, and one to the store."""

    _read_ms: float | None = None

    def _predict(self) -> None:
        began = time.perf_counter()
        try:
            read_features()
        except (OSError, http.client.HTTPException) as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": f"no features: {error}"})
            return
        self._read_ms = (time.perf_counter() - began) * 1000
        super()._predict()

    def end_headers(self) -> None:
        """Say how long the read took, where there was one."""
        if self._read_ms is not None:
            self.send_header("Server-Timing", f"storage;dur={self._read_ms:.1f}")
            self._read_ms = None
        super().end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), FeatureHandler).serve_forever()
