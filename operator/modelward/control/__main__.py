"""The operator's entry point: flags, logs, and how the process ends."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop
from kubernetes.aio.config import ConfigException

from modelward.control import logs
from modelward.control.client import configuration
from modelward.control.faults import VARIABLE, Faults
from modelward.control.lease import LeaseLostError
from modelward.control.listing import KindsChangedError
from modelward.control.operator import Operator
from modelward.control.settings import DEFAULT_PATH, Settings, SettingsError, read
from modelward.signals.tracing import Tracing

log: Final = logging.getLogger("modelward.control")


def main() -> None:
    """Run the operator until it is told to end; exit 0 then, 1 after a failure, 2 for wrong settings."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the operator with these command-line arguments and return the exit status."""
    options = _parser().parse_args(arguments)
    logs.configure(options.log_level)
    try:
        settings = read(options.config)
        faults = Faults.from_environment(os.environ.get(VARIABLE, ""))
    except (SettingsError, ValueError) as error:
        log.error("%s", error)  # noqa: TRY400 - the message says it all
        return 2
    tracing = Tracing(os.environ)
    try:
        uvloop.run(_run(settings, options.kubeconfig, faults))
    except (LeaseLostError, KindsChangedError, ConfigException) as error:
        log.error("%s", error)  # noqa: TRY400 - the message says it all
        return 1
    except asyncio.CancelledError:
        return 0
    except Exception:
        log.exception("the operator failed")
        return 1
    finally:
        tracing.close()
    return 0


async def _run(settings: Settings, kubeconfig: Path | None, faults: Faults) -> None:
    await Operator(settings, await configuration(kubeconfig), faults).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelward-operator", description="The operator of ModelDeployments."
    )
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_PATH, help="YAML file of settings (%(default)s)"
    )
    parser.add_argument("--kubeconfig", type=Path, help="outside a cluster: how to reach the API server")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    return parser


if __name__ == "__main__":
    main()
