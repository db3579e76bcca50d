"""The fetch's few log lines, JSON on standard error."""

import sys
import time

import orjson


def say(level: str, message: str, **fields: object) -> None:
    """Write one line."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"time": stamp, "level": level, "logger": "modelward.fetch", "message": message, **fields}
    sys.stderr.write(orjson.dumps(line, default=str).decode() + "\n")
    sys.stderr.flush()
