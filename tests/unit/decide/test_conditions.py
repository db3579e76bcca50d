"""What conditions say in each situation."""

from modelward.decide.observation import MetricsState, Problem, ProblemReason
from modelward.evidence.verdict import Verdict
from tests.unit.decide.world import World, assessment, breached, probing, promoted, serving, stepping


def test_a_revision_whose_pods_died_is_not_ready_and_says_why() -> None:
    """Ready carries the problem of the pods."""
    world = serving()
    world.pods("m-1", ready=0, pods=2, problem=Problem(ProblemReason.CRASH_LOOPING, "exit code 137"))
    world.settle()
    condition = next(c for c in world.status.conditions if c.type == "Ready")
    assert (condition.status, condition.reason) == ("False", "NoRevisionServes")
    assert "exit code 137" in condition.message


def test_pods_that_are_being_replaced_are_reconciling() -> None:
    """Fewer ready pods than replicas is no rollout, but it is not settled either."""
    world = serving()
    world.pods("m-1", ready=1)
    world.settle()
    assert world.conditions()["Reconciling"] == ("True", "PodsChanging")
    assert world.conditions()["Ready"] == ("True", "Serving")


def test_a_condition_is_of_the_generation_that_was_seen() -> None:
    """Clients tell by it whether what they applied has been looked at."""
    world = serving()
    assert {each.observed_generation for each in world.status.conditions} == {1}
    assert world.status.observed_generation == 1


def test_scaled_to_zero_is_said() -> None:
    """No replicas is a wish, not a failure."""
    world = serving()
    world.spec = world.spec.model_copy(update={"replicas": 0})
    world.settle()
    assert world.conditions()["Ready"] == ("False", "ScaledToZero")


def test_a_refused_child_stalls() -> None:
    """What the API server refused is in the condition, word for word."""
    world = serving()
    world.render_problem = "Deployment m-1: quota exceeded"
    world.settle()
    condition = next(c for c in world.status.conditions if c.type == "Stalled")
    assert (condition.reason, condition.message) == ("RenderRefused", "Deployment m-1: quota exceeded")


def test_never_scraped_is_told_apart_from_away() -> None:
    """A Prometheus that answers but has never seen this deployment is a mistake in the setup."""
    world = serving()
    world.metrics = MetricsState.NOT_SCRAPED
    world.settle()
    assert world.conditions()["ObjectivesMet"] == ("Unknown", "NotScraped")


def test_every_objective_that_is_not_met_is_named() -> None:
    """Those of the worst verdict, in the order of their names."""
    world = stepping()
    for verdict, said in (
        (Verdict.INCONCLUSIVE, "not enough evidence yet for: accuracy, availability"),
        (Verdict.UNKNOWN, "no data for: accuracy, availability"),
        (Verdict.BREACHED, "breached: accuracy, availability"),
    ):
        world.see(*(assessment("m-2", name, target=verdict) for name in ("availability", "accuracy")))
        world.step()
        told = next(each.message for each in world.status.conditions if each.type == "ObjectivesMet")
        assert told == said


def test_objectives_met_follows_the_worst_verdict() -> None:
    """Breached before Unknown before Inconclusive before Met."""
    world = serving()
    assert world.conditions()["ObjectivesMet"] == ("True", "Met")
    world.see(assessment("m-1", "accuracy", target=Verdict.INCONCLUSIVE))
    world.settle()
    assert world.conditions()["ObjectivesMet"] == ("Unknown", "Inconclusive")
    world.see(assessment("m-1", "availability", target=Verdict.UNKNOWN))
    world.settle()
    assert world.conditions()["ObjectivesMet"] == ("Unknown", "NoData")
    world.see(breached("m-1", "accuracy"))
    world.settle()
    assert world.conditions()["ObjectivesMet"] == ("False", "NothingToGoBackTo")


def test_what_keeps_a_candidate_from_starting_is_said() -> None:
    """In the words of its pods, long before it is rejected for it."""
    world = serving()
    world.wanted = "m-2"
    world.settle()
    world.problem("m-2", ProblemReason.UNSCHEDULABLE, "no node fits")
    world.step()
    progressing = next(c for c in world.status.conditions if c.type == "Progressing")
    assert (progressing.reason, progressing.message) == ("NewRevision", "pods of m-2 start: no node fits")


def test_a_status_shows_the_strongest_evidence_of_its_tests() -> None:
    """As a share of what a breach takes: against the target, or against stable."""
    world = stepping()
    world.see(assessment("m-2", versus=Verdict.INCONCLUSIVE, versus_log_evidence=2.3))
    world.see(assessment("m-1", target=Verdict.INCONCLUSIVE, target_log_evidence=-3.0))
    world.pass_time(seconds=30)
    shown = {(o.revision, o.name): o.evidence for o in world.step().status.objectives}
    assert (shown["m-2", "availability"], shown["m-1", "availability"]) == ("0.50", "0.00")


def test_nothing_serving_is_no_data() -> None:
    """Before anything serves no objective is met."""
    world = World()
    world.step()
    world.wanted = "m-2"
    world.step()
    assert world.status.candidate_revision == ""
    assert world.conditions()["ObjectivesMet"] == ("Unknown", "NoData")


def test_moving_traffic_is_reconciling() -> None:
    """While traffic moves to a promoted or an earlier revision the conditions name it."""
    world = promoted(rollback={"onUnknownCause": "Rollback"})
    world.see(breached("m-2"))
    world.step()
    assert world.conditions()["Reconciling"] == ("True", "RollbackInProgress")
    forward = stepping()
    for _ in range(2):
        forward.all_healthy("m-2", not_worse=True)
        forward.let_pods_follow()
        forward.step()
    forward.let_pods_follow()
    forward.step()
    assert forward.last is not None
    assert forward.last.rule == "Promote"
    assert forward.conditions()["Reconciling"] == ("True", "RolloutInProgress")
    assert forward.conditions()["Progressing"] == ("True", "Promoting")


def test_a_transition_time_moves_only_with_the_status() -> None:
    """A new message alone does not look like a new state."""
    world = serving()
    before = {c.type: c.last_transition_time for c in world.status.conditions}
    world.pass_time(minutes=5)
    world.wanted = "m-2"
    world.settle()
    after = {c.type: c for c in world.status.conditions}
    assert after["Ready"].last_transition_time == before["Ready"]
    assert after["Reconciling"].last_transition_time != before["Reconciling"]


def test_a_revision_that_has_not_begun_is_not_said_to_serve() -> None:
    """The rollout is complete only once what spec asks for is stable; else what is waited for is said."""
    world = serving(paused=True)
    world.wanted = "m-2"
    assert world.settle() == []
    said = next(c for c in world.status.conditions if c.type == "Progressing")
    assert (said.status, said.reason, said.message) == ("False", "Paused", "m-2 waits: spec.paused is true")
    ended = probing()
    ended.wanted = "m-3"
    ended.step()
    ended.drain("m-1")
    said = next(c for c in ended.status.conditions if c.type == "Progressing")
    assert (said.reason, said.message) == ("NewRevision", "m-3 begins next")


def test_a_first_revision_that_starts_while_paused_is_not_said_to_wait() -> None:
    """Pausing keeps it from nothing, so Progressing says how its start goes."""
    world = World()
    world.spec = world.spec.model_copy(update={"paused": True})
    world.settle()
    assert world.status.candidate_revision
    assert world.conditions()["Progressing"] == ("True", "NewRevision")
