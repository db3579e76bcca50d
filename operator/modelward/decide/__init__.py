"""What to do next: (spec, status, observation, now) in, one decision with its reason and numbers out."""

from modelward.decide.engine import decide
from modelward.decide.gates import awaited
from modelward.decide.placement import targets
from modelward.decide.plan import evidence_plan

__all__ = ["awaited", "decide", "evidence_plan", "targets"]
