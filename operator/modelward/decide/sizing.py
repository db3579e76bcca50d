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


def unmet_weight(spec: ModelDeploymentSpec, step: int) -> str:
    """Return what to write instead of a step's weight that cannot be met, or an empty string."""
    weight = spec.rollout.steps[step].weight
    pods = candidate_replicas(spec.replicas, weight)
    real = share_percent(pods, spec.replicas)
    if not spec.replicas or abs(real - weight) <= TOLERANCE_PERCENT:
        return ""
    needed = (
        f"at least {-(-(100 - weight) // weight)} replicas" if weight < real else "a weight of at most 50"
    )
    return (
        f"spec.rollout.steps[{step}].weight is {weight} but {spec.replicas} stable and {pods} candidate pods "
        f"give {real}; write weight: {real}, or {needed}"
    )
