"""What a run of one gate does beyond `modelward gate run` where it is the program of a pod.

The cut verdict goes where the kubelet takes the container's termination message from. The whole verdict and
the report go below an address, or onto the container's log for the operator to keep. Failing to keep them is
said in the verdict and changes nothing else.
"""

import base64
import gzip
from pathlib import Path
from typing import Final, TextIO

import fsspec

from modelward import conventions as names
from modelward.api.gateverdict import ErrorReason, GateResult, Result
from modelward.api.podverdict import PodVerdict, cut, pod_verdict
from modelward.gates.outcome import FILES
from modelward.gates.tables import store_options

OWN_MEMORY_MIB: Final = 128
"""Of a pod's memory, what this program needs beside the gate's own process."""
_LINE_CHARACTERS: Final = 4000
"""Below what container runtimes take for one line of a log (16 KiB)."""


def write_verdict(place: Path, result: GateResult, report_problem: str) -> None:
    """Write what the pod's status is to keep.

    Not by renaming: the place is a file that the kubelet has mounted.
    """
    place.write_bytes(cut(pod_verdict(result, report_problem)))


def write_error(place: Path, reason: ErrorReason, message: str) -> None:
    """Write that there is no answer, and why."""
    place.write_bytes(cut(PodVerdict(result=Result.ERROR, reason=reason, message=message[:4096])))


def upload(folder: Path, address: str) -> str:
    """Copy verdict and report below an address that fsspec knows; return why that failed, or nothing."""
    makes_folders = {"auto_mkdir": True} if address.startswith("file:") else {}
    try:
        for name in FILES:
            target = f"{address.rstrip('/')}/{name}"
            with fsspec.open(target, "wb", **makes_folders, **store_options(target)) as file:
                file.write((folder / name).read_bytes())
    except Exception as error:  # noqa: BLE001 - fsspec's file systems share no base class of errors
        first = (str(error).splitlines() or [""])[0]
        return f"{address} cannot be written: {type(error).__name__}: {first}"
    return ""


def print_files(folder: Path, log: TextIO) -> None:
    """Print verdict and report, each as gzip in base64 between lines that name it."""
    for name in FILES:
        packed = gzip.compress((folder / name).read_bytes(), mtime=0)
        text = base64.b64encode(packed).decode()
        lines = [text[at : at + _LINE_CHARACTERS] for at in range(0, len(text), _LINE_CHARACTERS)]
        begin, end = names.LOG_FILE_BEGIN.format(name), names.LOG_FILE_END.format(name)
        log.write("\n".join((begin, *lines, end)) + "\n")
    log.flush()
