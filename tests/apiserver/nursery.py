"""Forks operators: a process that has imported the operator once and becomes one in a tenth of a second.

Tests start an operator dozens of times, above all where they end it at every write. A line of JSON on
stdin asks for one, `{"id", "arguments", "fault", "log"}`; answers are lines `{"id", "pid"}` and, when it has
ended, `{"id", "exit"}` (minus the signal's number, if it was a signal).
"""

import json
import os
import signal
import sys
import threading
from typing import Any

from modelward.control.__main__ import run
from modelward.control.faults import VARIABLE


def main() -> None:
    """Serve until stdin ends."""
    for line in sys.stdin:
        wanted = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(wanted)
        _say({"id": wanted["id"], "pid": pid})
        threading.Thread(target=_report, args=(wanted["id"], pid), daemon=True).start()


def _become(wanted: dict[str, Any]) -> None:
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ[VARIABLE] = wanted["fault"]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os._exit(run(wanted["arguments"]))


def _report(name: str, pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    _say({"id": name, "exit": os.waitstatus_to_exitcode(status)})


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
