"""How many pods give a step its weight, and which share they really give.

In service mode connections are spread evenly over ready pods, and stable is never scaled below
`replicas` before a promotion, so the smallest weight is 1/(replicas+1) and the largest is one half.
"""

from modelward.api.spec import ModelDeploymentSpec

TOLERANCE_PERCENT = 5
"""A step's weight counts as met when the real share is within this many points of it."""


def candidate_replicas(replicas: int, weight: int) -> int:
    """Return how many candidate pods beside `replicas` stable ones come nearest to `weight` percent."""
    if replicas == 0:
        return 0
    return min(replicas, max(1, round(replicas * weight / (100 - weight))))


def share_percent(candidate_pods: int, stable_pods: int) -> int:
    """Return the candidate's share of new connections in percent; 0 without any pod."""
    total = candidate_pods + stable_pods
    return round(100 * candidate_pods / total) if total else 0


def holdback_percent(spec: ModelDeploymentSpec) -> int:
    """Return spec.rollout.holdback in percent; 0 without one."""
    return int((spec.rollout.holdback or "0%").removesuffix("%"))


def unmet_weight(spec: ModelDeploymentSpec, step: int) -> str:
    """Return what to write instead of a step's weight that cannot be met, or an empty string."""
    weight = spec.rollout.steps[step].weight
    return _unmet(spec, f"spec.rollout.steps[{step}].weight", weight, ("candidate", "weight: {}"))


def unmet_holdback(spec: ModelDeploymentSpec) -> str:
    """Return what to write instead of a holdback that cannot be met, or an empty string."""
    if not spec.rollout.holdback:
        return ""
    return _unmet(spec, "spec.rollout.holdback", holdback_percent(spec), ("control", 'holdback: "{}%"'))


def _unmet(spec: ModelDeploymentSpec, field: str, weight: int, words: tuple[str, str]) -> str:
    role, instead = words
    pods = candidate_replicas(spec.replicas, weight)
    real = share_percent(pods, spec.replicas)
    if not spec.replicas or abs(real - weight) <= TOLERANCE_PERCENT:
        return ""
    needed = (
        f"at least {-(-(100 - weight) // weight)} replicas" if weight < real else "a weight of at most 50"
    )
    return (
        f"{field} is {weight} but {spec.replicas} stable and {pods} {role} pods give {real}; "
        f"write {instead.format(real)}, or {needed}"
    )
