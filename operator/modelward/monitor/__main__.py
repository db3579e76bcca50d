"""Command `modelward-monitor`: serves, or tells a serving one to drain."""

import os
import signal
import sys
import time

from modelward.monitor import settings


def main() -> None:
    """Run the command line."""
    started_s = time.time()
    arguments = settings.parser().parse_args()
    if arguments.command == "drain":
        try:
            os.kill(arguments.pid, signal.SIGUSR1)
        except OSError as error:
            sys.exit(f"modelward-monitor drain: process {arguments.pid} can't be told: {error.strerror}")
        return
    # The preStop hook should tell the monitor at once, not after a second of imports.
    from modelward.monitor import log  # noqa: PLC0415 - `drain` has no use for it
    from modelward.monitor.capture import guard  # noqa: PLC0415 - `drain` has no use for it
    from modelward.monitor.capture.worker import work  # noqa: PLC0415 - `drain` has no use for it

    chosen = settings.from_arguments(arguments)
    log.set_up(chosen.log_level.upper())
    try:
        second = guard.begin(work, chosen.niceness)  # while there is but one thread, see capture/guard.py
        # Imported now, what these need takes no memory of the second process and its guard.
        import uvloop  # noqa: PLC0415 - see above

        from modelward.monitor import process  # noqa: PLC0415 - see above
        from modelward.monitor.capture.channel import Channel  # noqa: PLC0415 - see above

        uvloop.run(process.run(chosen, started_s, Channel(second)))
    except OSError as error:
        log.LOGGER.critical("can't serve: %s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
