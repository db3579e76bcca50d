"""How the two promises of a deployment are shared out over its tests.

- False rollbacks per year: every detector in force has the same part. There is one for each objective and
  revision watched against the target, and in a permanent comparison one more for each objective compared.
  Rates add, so the sum is at most what was promised (union bound, no independence needed).
- Chance of a false rejection of one candidate: equal parts for each objective compared and each step, for the
  bets begin anew at every step (Bonferroni).
- Chance that one of all the probes of an incident rejects a revision that is no worse: the k-th has
  1/(k (k + 1)) of it, which adds up to 1 however many there are.
- Chance of ending a step early on a candidate at the margin: `NOT_WORSE_ALPHA`, whole for each objective and
  each step. A step ends early only if *every* objective is shown not worse, so the chance for a candidate
  that is worse in one of them is that objective's alone (intersection-union, Berger 1982); and each step
  has to be passed in its turn.
"""

from typing import Final

SECONDS_IN_A_YEAR: Final = 365.25 * 86_400
NOT_WORSE_ALPHA: Final = 0.05


def blocks_in_a_year(block_seconds: float) -> float:
    """Blocks in a year of 365.25 days.

    Raises:
        ValueError: if block_seconds is not above 0.
    """
    if not block_seconds > 0:
        msg = f"block_seconds must be above 0, got {block_seconds!r}"
        raise ValueError(msg)
    return SECONDS_IN_A_YEAR / block_seconds


def blocks_to_false_alarm(per_year: float, block_seconds: float, detectors: int) -> float:
    """Least average number of blocks to a false alarm of each of `detectors` that share a yearly rate.

    Raises:
        ValueError: if the rate is not above 0, there is no detector, or the rate leaves a detector an
            alarm in every block.
    """
    if not per_year > 0:
        msg = f"false rollbacks per year must be above 0, got {per_year!r}; write 0.01 for hardly ever"
        raise ValueError(msg)
    if detectors < 1:
        msg = f"a rate is shared by one detector or more, got {detectors}"
        raise ValueError(msg)
    blocks = blocks_in_a_year(block_seconds) * detectors / per_year
    if not blocks > 1:
        msg = (
            f"{per_year:g} false rollbacks per year are one in every block of {block_seconds:g} s; write less"
        )
        raise ValueError(msg)
    return blocks


def probe_parts(number: int) -> int:
    """Into how many parts the chance of a false rejection is divided, of which the number-th probe has one.

    Raises:
        ValueError: if the number is below 1.
    """
    if number < 1:
        msg = f"probes are numbered from 1, got {number}"
        raise ValueError(msg)
    return number * (number + 1)


def step_alpha(per_rollout: float, objectives: int, parts: int) -> float:
    """Bound on a false rejection by one objective in one step, which has one of so many parts.

    Raises:
        ValueError: if the chance is not between 0 and 1, or there is no objective or part.
    """
    if not 0 < per_rollout < 1:
        msg = f"the chance of a false rejection must lie between 0 and 1, got {per_rollout!r}"
        raise ValueError(msg)
    if objectives < 1 or parts < 1:
        msg = f"alpha is shared by one objective and step or more, got {objectives} and {parts}"
        raise ValueError(msg)
    return per_rollout / (objectives * parts)
