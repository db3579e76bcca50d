"""What is often used instead of evidence, as small policies, on the same streams for comparison.

Each looks at the judged revision's bad fraction over a window and answers with seconds to its alarm, or
infinity.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.simulate.streams import BLOCK_SECONDS, Events, Numbers, Stream

MINUTE: Final = 60 // BLOCK_SECONDS
"""In blocks."""
Z_99: Final = 2.326
"""One-sided normal quantile at 99%."""
FAILURE_LIMIT: Final = 3
"""As in the AnalysisTemplate of Argo Rollouts' documentation."""
FAILED_CHECKS: Final = 5
"""`threshold` in the canary of Flagger's documentation."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a revision is held to.

    Args:
        usual: bad fraction that is as it should be.
        ratio: multiple of it that is tolerated.
    """

    usual: float
    ratio: float

    @property
    def limit(self) -> float:
        """Largest bad fraction that is tolerated."""
        return self.usual * self.ratio


Rival: TypeAlias = Callable[[Stream, Tolerance], float]


Sums: TypeAlias = NDArray[np.float64]


def fixed_threshold(stream: Stream, tolerance: Tolerance) -> float:
    """Alarm when more than is tolerated of the last minute's events are bad, looked at after every block."""
    total, bad = _window(stream.judged, MINUTE)
    return _first(_fraction(bad, total)[MINUTE - 1 :] > tolerance.limit, MINUTE - 1)


def repeated_z_test(stream: Stream, tolerance: Tolerance) -> float:
    """One-sided z-test at 1% on five minutes, looked at every 15 s from the first minute on.

    Against stable of the same window (pooled two-sample test) where there is one, else against what is usual.
    """
    total, bad = _window(stream.judged, 5 * MINUTE)
    if stream.stable is None:
        usual = tolerance.usual
        z = (bad - total * usual) / np.sqrt(np.maximum(total * usual * (1 - usual), 1e-12))
    else:
        stable_total, stable_bad = _window(stream.stable, 5 * MINUTE)
        pooled = _fraction(bad + stable_bad, total + stable_total)
        weight = 1 / np.maximum(total, 1) + 1 / np.maximum(stable_total, 1)
        spread = np.sqrt(np.maximum(pooled * (1 - pooled) * weight, 1e-12))
        z = (_fraction(bad, total) - _fraction(stable_bad, stable_total)) / spread
    looks = (np.arange(1, len(z) + 1) % 3 == 0) & (np.arange(1, len(z) + 1) >= MINUTE)
    return _first((z > Z_99) & looks & (bad > 0), 0)


def failure_limit(stream: Stream, tolerance: Tolerance) -> float:
    """Argo Rollouts: one measurement a minute of the last minute; failed after more than `failureLimit`.

    Failed measurements add up over the whole analysis, they need not follow one another.
    """
    failures = np.cumsum(_checks(stream, tolerance))
    return _first(failures > FAILURE_LIMIT, 0) * MINUTE


def failed_checks(stream: Stream, tolerance: Tolerance) -> float:
    """Flagger: one check a minute of the last minute; rolled back a tick after the `threshold`-th failed.

    Failed checks add up over the whole analysis; a check without a value is a failed one.
    """
    total, _ = _window(stream.judged, MINUTE)
    failures = np.cumsum(_checks(stream, tolerance) | (total[MINUTE - 1 :: MINUTE] == 0))
    return (_first(failures >= FAILED_CHECKS, 0) + BLOCK_SECONDS) * MINUTE


RIVALS: Final[Mapping[str, Rival]] = {
    "fixed threshold": fixed_threshold,
    "repeated z-test": repeated_z_test,
    "Argo Rollouts": failure_limit,
    "Flagger": failed_checks,
}


def _checks(stream: Stream, tolerance: Tolerance) -> NDArray[np.bool_]:
    """Whether each whole minute had too many bad events."""
    total, bad = _window(stream.judged, MINUTE)
    return (_fraction(bad, total) > tolerance.limit)[MINUTE - 1 :: MINUTE]


def _window(events: Events, blocks: int) -> tuple[Sums, Sums]:
    """Sums over the last `blocks` blocks (fewer at the start), by block."""
    return _sums(events.total, blocks), _sums(events.bad, blocks)


def _sums(values: Numbers, blocks: int) -> Sums:
    sums = np.cumsum(values, dtype=np.float64)
    sums[blocks:] -= sums[:-blocks].copy()
    return sums


def _fraction(bad: Sums, total: Sums) -> NDArray[np.float64]:
    return bad / np.maximum(total, 1)


def _first(alarms: NDArray[np.bool_], before: int) -> float:
    """Seconds from the first block to the end of the first that alarms, `before` blocks being left out."""
    return float((before + np.argmax(alarms) + 1) * BLOCK_SECONDS) if alarms.any() else math.inf
