"""What a run of bench/reaction.py measured, from the record of its traffic alone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from dev.demo.record import Answer


@dataclass(frozen=True, slots=True)
class Reaction:
    """One candidate that turned bad."""

    seconds: float
    """From its first bad answer to the last request that it answered."""
    bad_answers: int
    other_failures: int
    """Requests that failed and that the candidate's fault does not explain."""


def reaction(answers: Sequence[Answer], version: str) -> Reaction:
    """Measure one version's end; raises ValueError if it never gave a bad answer."""
    own = [answer for answer in answers if answer.version == version]
    bad = [answer for answer in own if answer.failed]
    if not bad:
        raise ValueError(f"version {version} gave no bad answer in {len(own)} answers")
    first, last = bad[0].at, max(answer.at for answer in own)
    others = [
        answer for answer in answers if answer.failed and answer.version != version and answer.at >= first
    ]
    return Reaction(last - first, len(bad), len(others))
