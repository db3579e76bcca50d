"""What the monitor is started with: folders and ports, from flags over environment over defaults."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from modelward.conventions import (
    PATH_KEYS,
    PATH_MONITOR_CONFIG,
    PORT_ADMIN,
    PORT_METRICS,
    PORT_OTLP_HTTP,
    PORT_SERVING,
    PORT_SYNTHETIC,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Fixed for the life of the process; what may change while it runs is in the configuration file."""

    config_dir: Path
    keys_dir: Path
    serving_port: int
    synthetic_port: int
    metrics_port: int
    admin_port: int
    otlp_endpoint: str
    """Base URL of the OTLP/HTTP collector; empty: spans are not exported."""
    niceness: int
    """Of the process that parses samples and renders /metrics."""
    log_level: str


def parser() -> argparse.ArgumentParser:
    """The command line: `serve` (the default) and `drain`."""
    env = os.environ.get
    result = argparse.ArgumentParser(
        prog="modelward-monitor", description="Serve a model's pod, or tell a monitor that serves to drain."
    )
    result.add_argument(
        "command",
        nargs="?",
        choices=["serve", "drain"],
        default="serve",
        help="serve; or drain: tell the monitor --pid to stop being ready and to let its connections go",
    )
    result.add_argument("--pid", type=int, default=1, help="drain: process of the monitor (default 1)")
    result.add_argument("--config-dir", default=env("MODELWARD_CONFIG_DIR", PATH_MONITOR_CONFIG))
    result.add_argument("--keys-dir", default=env("MODELWARD_KEYS_DIR", PATH_KEYS))
    for name, port in (
        ("serving", PORT_SERVING),
        ("synthetic", PORT_SYNTHETIC),
        ("metrics", PORT_METRICS),
        ("admin", PORT_ADMIN),
    ):
        variable = f"MODELWARD_{name.upper()}_PORT"
        result.add_argument(
            f"--{name}-port", type=int, default=env(variable, str(port)), help=f"or {variable}"
        )
    result.add_argument(
        "--otlp-endpoint",
        default=env("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{PORT_OTLP_HTTP}"),
        help="OTLP/HTTP base URL; empty: no spans are exported",
    )
    result.add_argument(
        "--niceness",
        type=int,
        choices=range(20),
        metavar="0-19",
        default=env("MODELWARD_NICENESS", "19"),
        help="of the process that parses samples and renders /metrics, or MODELWARD_NICENESS (default 19)",
    )
    result.add_argument("--log-level", default=env("MODELWARD_LOG_LEVEL", "INFO"))
    return result


def from_arguments(arguments: argparse.Namespace) -> Settings:
    """The settings of a parsed command line."""
    return Settings(
        config_dir=Path(arguments.config_dir),
        keys_dir=Path(arguments.keys_dir),
        serving_port=arguments.serving_port,
        synthetic_port=arguments.synthetic_port,
        metrics_port=arguments.metrics_port,
        admin_port=arguments.admin_port,
        otlp_endpoint=arguments.otlp_endpoint.rstrip("/"),
        niceness=arguments.niceness,
        log_level=arguments.log_level,
    )
