"""What the evidence says of one revision by one objective, with the numbers it was said from."""

import math
from dataclasses import dataclass

from modelward.evidence.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Assessment:
    """One line of a ledger's answer.

    Evidence and thresholds are natural logarithms; evidence below 0 speaks for nothing and is given as 0.

    Args:
        objective, revision: what was assessed.
        good, total: events; of the candidate since its step began, else since the watch began.
        target: the verdict against the target.
        target_log_evidence, target_log_threshold: the verdict is Breached from the threshold on.
        compared_with: the revision that it is held against; empty where there is no comparison.
        versus: Breached if worse than stable, Healthy if shown not to be; None where not compared.
        versus_log_evidence, versus_log_threshold: likewise; where not compared 0 and +inf.
        not_worse: whether the candidate is shown to be not worse; None where not asked.
        not_worse_log_evidence, not_worse_log_threshold: likewise; where not asked 0 and +inf.
        stable_good, stable_total: events of stable since the candidate's step began.
        storage_explains: whether what speaks against the target is shown to come from slow storage
            (`storage`): events while it was slow are bad, those while it was fast are fine.
        fast_good, fast_total, slow_good, slow_total: events while storage was known to be fast, and slow,
            since the evidence against the target began to stand out; 0 while it does not.
        blocks_with_data: blocks with events since the watch began.
        blocks_unknown: Unknown blocks in a row at the end.
        last_block_time: end of the last block taken in, unix seconds; None before the first.
    """

    objective: str
    revision: str
    good: float
    total: float
    target: Verdict
    target_log_evidence: float
    target_log_threshold: float
    blocks_with_data: int
    blocks_unknown: int
    last_block_time: int | None
    compared_with: str = ""
    versus: Verdict | None = None
    versus_log_evidence: float = 0.0
    versus_log_threshold: float = math.inf
    not_worse: bool | None = None
    not_worse_log_evidence: float = 0.0
    not_worse_log_threshold: float = math.inf
    stable_good: float = 0.0
    stable_total: float = 0.0
    storage_explains: bool = False
    fast_good: float = 0.0
    fast_total: float = 0.0
    slow_good: float = 0.0
    slow_total: float = 0.0
