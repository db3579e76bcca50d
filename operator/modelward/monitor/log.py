"""Logs as JSON lines on standard error, one object per event."""

import logging
import sys
import time
from typing import Final

import orjson

LOGGER: Final = logging.getLogger("modelward.monitor")


class JsonFormatter(logging.Formatter):
    """One record as one JSON object; the record's `fields` (a dict given as `extra`) are merged in."""

    def format(self, record: logging.LogRecord) -> str:
        """Render `record`."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def set_up(level: str) -> None:
    """Send every logger's records to standard error at `level` (a name of the logging module)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
