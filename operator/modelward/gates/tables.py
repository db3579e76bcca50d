"""Reads the tables that a gate is measured by: csv or parquet, from wherever fsspec reads."""

import hashlib
import os
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import fsspec
import pandas as pd

from modelward.api.gateverdict import ErrorReason
from modelward.gates.failure import GateError

_EXTRAS: Final = {"gs": "gcs", "abfs": "azure"}


def read_table(uri: str, folder: Path) -> pd.DataFrame:
    """Return the rows of a table; a URI without a scheme is a path below `folder`.

    Raises:
        GateError: it cannot be read, is no table, or has no row.
    """
    content = read_bytes(uri, folder)
    try:
        if uri.endswith(".parquet"):
            frame = pd.read_parquet(BytesIO(content))
            names = frame.columns.map(str)
        else:
            packed: Literal["gzip"] | None = "gzip" if uri.endswith(".gz") else None
            frame = pd.read_csv(BytesIO(content), compression=packed, low_memory=False)
            # Not those of the frame, where pandas has given the second of two columns of one name another.
            header = pd.read_csv(BytesIO(content), compression=packed, header=None, nrows=1, dtype=str)
            names = pd.Index(header.iloc[0])
    except (ValueError, OSError, EOFError, pd.errors.ParserError) as error:
        first = str(error).partition("\n")[0]
        raise GateError(
            ErrorReason.INVALID_DATA, f"{uri} is not the table that its name says: {first}"
        ) from error
    frame.columns = frame.columns.map(str)
    twice = sorted(set(names[names.duplicated()].dropna()))
    if twice:
        raise GateError(ErrorReason.INVALID_DATA, f"{uri} has columns twice: {', '.join(twice[:20])}")
    if frame.empty:
        raise GateError(ErrorReason.INVALID_DATA, f"{uri} has no rows")
    return frame


def read_bytes(uri: str, folder: Path) -> bytes:
    """Return the content of a file. Raises GateError."""
    parts = urlsplit(uri)
    address = uri if parts.scheme else str(folder / uri)
    try:
        with fsspec.open(address, "rb", **store_options(uri)) as file:
            content: bytes = file.read()
    except ImportError as error:
        extra = _EXTRAS.get(parts.scheme, parts.scheme)
        message = f"{uri}: {parts.scheme}:// cannot be read here: install modelward with the extra {extra}"
        raise GateError(ErrorReason.INVALID_DATA, message) from error
    except Exception as error:  # fsspec's file systems share no base class of errors
        first = (str(error).splitlines() or [""])[0]
        message = f"{uri} cannot be read: {type(error).__name__}: {first}"
        raise GateError(ErrorReason.INVALID_DATA, message) from error
    return content


def digest(uri: str, folder: Path) -> str:
    """Return the sha256 of a file, in hexadecimal digits. Raises GateError."""
    return hashlib.sha256(read_bytes(uri, folder)).hexdigest()


def store_options(uri: str) -> dict[str, Any]:
    """Return arguments of the address's file system.

    A store of one's own, named by AWS_ENDPOINT_URL, has no wildcard DNS name for its buckets.
    """
    scheme = urlsplit(uri).scheme
    own = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if scheme != "s3" or not own:
        return {}
    return {"endpoint_url": own, "config_kwargs": {"s3": {"addressing_style": "path"}}}
