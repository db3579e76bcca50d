"""Command `modelward-fetch URI`: brings a model into the pod, or ends with 1 and one line that says why."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

from modelward.conventions import FILE_MODEL_DIGEST, PATH_MODEL, PATH_MONITOR_CONFIG, PORT_OTLP_HTTP
from modelward.storage import report, span
from modelward.storage.failure import FetchError
from modelward.storage.fetch import Fetched, Request, fetch
from modelward.storage.log import say

DEFAULT_STALL_SECONDS: Final = 120
"""Well below the default progress deadline, so that a rollout without its model ends with that reason."""


def main() -> None:
    """Run the command line."""
    arguments = _parser().parse_args()
    if not arguments.uri:
        sys.exit("modelward-fetch: no model; give its URI, or set MODELWARD_MODEL_URI")
    started_ns = time.time_ns()
    request = Request(
        uri=arguments.uri,
        folder=Path(arguments.folder),
        expected_digests=_expected(arguments.expected_digest, Path(arguments.digest_file)),
        stall_seconds=arguments.stall_seconds,
    )
    result = _fetch(request)
    report.write(Path(arguments.termination_log), result)
    if arguments.otlp_endpoint:
        span.export(arguments.otlp_endpoint, request.uri, started_ns, result)
    sys.exit(1 if isinstance(result, FetchError) else 0)


def _fetch(request: Request) -> Fetched | FetchError:
    try:
        done = fetch(request)
    except FetchError as error:
        say("error", str(error), reason=error.reason.value)
        return error
    say("info", "fetched", digest=done.digest, bytes=done.bytes, files=done.files, seconds=done.seconds)
    return done


def _expected(given: str, file: Path) -> tuple[str, ...]:
    """The digests that the content must have: the spec's and the one recorded with the revision, if any."""
    try:
        recorded = file.read_text(encoding="utf-8").strip()
    except OSError:
        recorded = ""
    return tuple(dict.fromkeys(digest for digest in (given.strip(), recorded) if digest))


def _parser() -> argparse.ArgumentParser:
    env = os.environ.get
    result = argparse.ArgumentParser(
        prog="modelward-fetch",
        description="Bring a model into the pod, or end with 1 and one line that says why.",
    )
    result.add_argument(
        "uri", nargs="?", default=env("MODELWARD_MODEL_URI", ""), help="or MODELWARD_MODEL_URI"
    )
    result.add_argument("--folder", default=env("MODELWARD_MODEL_DIR", PATH_MODEL))
    result.add_argument("--expected-digest", default=env("MODELWARD_EXPECTED_DIGEST", ""))
    result.add_argument(
        "--digest-file",
        default=env("MODELWARD_DIGEST_FILE", f"{PATH_MONITOR_CONFIG}/{FILE_MODEL_DIGEST}"),
        help="file with the digest that was recorded with the revision; absent or empty: none was",
    )
    result.add_argument(
        "--stall-seconds",
        type=float,
        default=env("MODELWARD_FETCH_STALL_SECONDS", str(DEFAULT_STALL_SECONDS)),
        help="how long a store that fails is tried without bringing anything new",
    )
    result.add_argument("--termination-log", default=env("MODELWARD_TERMINATION_LOG", "/dev/termination-log"))
    result.add_argument(
        "--otlp-endpoint",
        default=env("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{PORT_OTLP_HTTP}"),
        help="OTLP/HTTP base URL; empty: no span is exported",
    )
    return result


if __name__ == "__main__":
    main()
