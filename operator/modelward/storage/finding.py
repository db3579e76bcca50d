"""Finds a model's first file with the fetch's own code and reads it, each time it is told to.

`python -m modelward.storage.finding URI` says {"ready": true} when it has loaded the store's client, and then
answers each line of standard input as the probe does (probe.py). With a read of an S3 object that came to
something it gives the request that did, as "request" (s3_request.py), so that it need not stay.
"""

import sys
from contextlib import suppress

import orjson

from modelward.storage.failure import FetchError
from modelward.storage.first_file import FirstFile
from modelward.storage.handover import Handover


def serve(uri: str) -> None:
    """Answer what standard input asks, to its end."""
    file = FirstFile(uri)
    with suppress(FetchError):  # it is the answer to every read
        file.prepare()
    handover = Handover(file.store.files) if uri.startswith("s3:") and file.store is not None else None
    _say({"ready": True})
    for _ in sys.stdin.buffer:
        if handover is not None:
            handover.listen()
        answer = file.answer()
        if handover is not None and "seconds" in answer:
            request = handover.request()
            if request is not None:
                answer["request"] = request
        _say(answer)


def _say(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
