"""How long a store that fails is tried, against how long a rollout waits for its pods."""

from modelward.api.spec import Rollout
from modelward.storage.__main__ import DEFAULT_STALL_SECONDS


def test_fetch_ends_before_the_rollout_gives_up() -> None:
    """Pods of an unreachable store have failed twice with its reason before the progress deadline."""
    restart_pause_s = 10
    twice_s = 2 * DEFAULT_STALL_SECONDS + restart_pause_s
    assert twice_s < Rollout().progress_deadline.total_seconds()
