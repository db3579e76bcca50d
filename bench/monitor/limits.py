"""What the monitor may cost, as docs/pods.md states it. Pure."""

from collections.abc import Mapping
from typing import Final

from bench.monitor.measure import Turn
from bench.monitor.proxies import AGENT, AGENT_LOGGING, OURS

ADDED_US: Final = 150.0
"""On cores that are awake (cores.py); how long those that sleep take to wake is shown beside it."""
ADDED_LARGE_US: Final = 600.0
ADDED_CHUNK_US: Final = 150.0
REQUESTS_PER_CORE_SECOND: Final = 15_000.0
PSS_MIB: Final = 60.0
TIMES_AGENT: Final = 2.0
TIMES_AGENT_LOGGING: Final = 8.0


def exceeded(measured: Mapping[str, Turn]) -> list[str]:
    """What is beyond its limit, one line each; nothing where all is well."""
    ours = measured[OURS]
    rate = ours.requests_per_core_second
    checks = (
        (ours.added_us <= ADDED_US, f"added {ours.added_us:.0f} us, at most {ADDED_US:.0f}"),
        (
            ours.added_large_us <= ADDED_LARGE_US,
            f"added {ours.added_large_us:.0f} us to a request of 1 MB, at most {ADDED_LARGE_US:.0f}",
        ),
        (
            ours.added_chunk_us <= ADDED_CHUNK_US,
            f"added {ours.added_chunk_us:.0f} us to a chunk, at most {ADDED_CHUNK_US:.0f}",
        ),
        (
            rate >= REQUESTS_PER_CORE_SECOND,
            f"{rate:.0f} requests/s per core, at least {REQUESTS_PER_CORE_SECOND:.0f}",
        ),
        (ours.pss_mib <= PSS_MIB, f"{ours.pss_mib:.0f} MiB, at most {PSS_MIB:.0f}"),
        (ours.failures == 0, f"{ours.failures} requests failed under load"),
        *(
            (ratio(measured, name) >= times, f"{ratio(measured, name):.1f} times {name}, at least {times:g}")
            for name, times in ((AGENT, TIMES_AGENT), (AGENT_LOGGING, TIMES_AGENT_LOGGING))
            if name in measured
        ),
    )
    return [text for is_met, text in checks if not is_met]


def ratio(measured: Mapping[str, Turn], name: str) -> float:
    """Our requests per core and second over another proxy's."""
    return measured[OURS].requests_per_core_second / measured[name].requests_per_core_second
