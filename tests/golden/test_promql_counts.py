"""The counts of one block, over every way in which pods and scrapes come and go.

Prometheus scrapes every 5 s from time 0 here; blocks end at multiples of 5 s, so a block that ends at t
has the sample of t. Times are unix seconds, so a process that starts at 12 starts between two samples.
"""

from modelward import conventions as names
from modelward.render import promql
from tests.golden.promtool import Bench, series

KEYS = [("ns", "shop")]
GROUP = 'config="c", deployment="shop", namespace="ns", objective="latency", {}revision="shop-a"'
GOOD = "{" + GROUP.format('result="good", ') + ', storage="unknown"}'
FLAG = "{" + GROUP.format("") + "}"


def target(pod: str) -> dict[str, str]:
    """Labels that the scrape adds."""
    return {
        "namespace": "ns",
        "pod": pod,
        "job": "ns/shop",
        "instance": f"{pod}:9082",
        "endpoint": "objectives",
    }


def events(pod: str, values: str, **labels: str) -> dict[str, str]:
    """One counter of a pod."""
    own = {
        "deployment": "shop",
        "revision": "shop-a",
        "objective": "latency",
        "config": "c",
        "result": "good",
    }
    return series(names.METRIC_EVENTS, target(pod) | own | {"storage": "unknown"} | labels, values)


def started(pod: str, values: str) -> dict[str, str]:
    """The start of a pod's monitor, as it reports it."""
    return series(names.METRIC_PROCESS_START, target(pod), values)


def expect(bench: Bench, at_seconds: int, counted: dict[str, float], unknown: dict[str, float]) -> None:
    """Assert both answers for the block that ends at a time."""
    bench.expect(promql.counts(KEYS), at_seconds, counted)
    bench.expect(promql.unknown_counts(KEYS), at_seconds, unknown)


def test_events_of_a_block_are_the_difference_of_the_counter(bench: Bench) -> None:
    """A running pod's block holds what was counted between its two samples."""
    bench.inputs = [started("a", "-100x10"), events("a", "7 7 10 14 14")]
    expect(bench, 10, {GOOD: 3}, {})
    expect(bench, 15, {GOOD: 4}, {})
    expect(bench, 20, {GOOD: 0}, {})


def test_two_pods_are_summed(bench: Bench) -> None:
    """Events of one revision are summed over its pods, each with its own difference."""
    bench.inputs = [
        started("a", "-100x10"),
        started("b", "-100x10"),
        events("a", "7 7 10"),
        events("b", "100 101 105"),
    ]
    expect(bench, 10, {GOOD: 7}, {})


def test_a_new_pods_first_sample_counts_when_it_started_in_the_block(bench: Bench) -> None:
    """All events of a process that started less than a block before its first sample are this block's."""
    bench.inputs = [started("a", "_ _ _ 12x5"), events("a", "_ _ _ 6 8")]
    expect(bench, 15, {GOOD: 6}, {})
    expect(bench, 20, {GOOD: 2}, {})


def test_a_pod_found_late_makes_its_first_block_unknown(bench: Bench) -> None:
    """A first sample of a process that started earlier holds events of earlier blocks: Unknown."""
    bench.inputs = [started("a", "_ _ _ 9x5"), events("a", "_ _ _ 6 8")]
    expect(bench, 15, {}, {FLAG: 1})
    expect(bench, 20, {GOOD: 2}, {})


def test_a_pod_found_late_with_nothing_counted_is_known(bench: Bench) -> None:
    """A counter that first appears at zero has no unseen events."""
    bench.inputs = [started("a", "_ _ _ 3x5"), events("a", "_ _ _ 0 8")]
    expect(bench, 15, {GOOD: 0}, {})
    expect(bench, 20, {GOOD: 8}, {})


def test_a_restarted_container_counts_from_zero(bench: Bench) -> None:
    """After a restart between two samples the whole counter is the block's, be it lower or higher."""
    bench.inputs = [started("a", "-100 -100 8 8"), events("a", "50 52 3 4")]
    expect(bench, 10, {GOOD: 3}, {})
    expect(bench, 15, {GOOD: 1}, {})
    bench.inputs = [started("a", "-100 -100 8 8"), events("a", "1 2 30 31")]
    expect(bench, 10, {GOOD: 30}, {})


def test_a_restart_with_a_missed_scrape_counts_if_it_was_in_the_block(bench: Bench) -> None:
    """A restart during which a scrape failed counts whole only if the process began in the last block."""
    bench.inputs = [started("a", "-100 -100 stale 13 13"), events("a", "50 52 stale 3 4")]
    expect(bench, 15, {GOOD: 3}, {})
    bench.inputs = [started("a", "-100 -100 stale 7 7"), events("a", "50 52 stale 3 4")]
    expect(bench, 15, {}, {FLAG: 1})


def test_a_removed_pod_neither_counts_nor_spoils(bench: Bench) -> None:
    """A pod that went away leaves the others' counts as they are, with or without a stale marker."""
    other = [started("b", "-100x10"), events("b", "0 1 2 3 4 5 6")]
    bench.inputs = [*other, started("a", "-100 -100 stale"), events("a", "50 52 stale")]
    expect(bench, 10, {GOOD: 1}, {})
    bench.inputs = [*other, started("a", "-100 -100"), events("a", "50 52")]
    expect(bench, 10, {GOOD: 1}, {})
    expect(bench, 20, {GOOD: 1}, {})


def test_the_last_pods_end_is_no_block_of_zeros(bench: Bench) -> None:
    """When no pod is sampled any more there is no block at all: Unknown, not no traffic."""
    bench.inputs = [started("a", "-100 -100"), events("a", "50 52")]
    expect(bench, 10, {}, {})


def test_a_missed_scrape_makes_two_blocks_unknown(bench: Bench) -> None:
    """Neither the block of a failed scrape nor the one after can be told."""
    bench.inputs = [started("a", "-100 -100 stale -100 -100"), events("a", "50 52 stale 60 61")]
    expect(bench, 10, {}, {})
    expect(bench, 15, {}, {FLAG: 1})
    expect(bench, 20, {GOOD: 1}, {})


def test_a_gap_of_prometheus_is_no_block(bench: Bench) -> None:
    """Blocks in which Prometheus was away, and the one after, are Unknown even without stale markers."""
    bench.inputs = [started("a", "-100 -100 _ _ _ -100 -100"), events("a", "50 52 _ _ _ 90 91")]
    expect(bench, 15, {}, {})
    expect(bench, 25, {}, {FLAG: 1})
    expect(bench, 30, {GOOD: 1}, {})


def test_a_counter_that_falls_without_a_restart_is_unknown(bench: Bench) -> None:
    """A counter that is lower than before is nonsense unless its process began anew."""
    bench.inputs = [started("a", "-100x5"), events("a", "50 52 51 52")]
    expect(bench, 10, {}, {FLAG: 1})
    expect(bench, 15, {GOOD: 1}, {})


def test_one_pods_unknown_block_spoils_the_revisions(bench: Bench) -> None:
    """A revision's block is Unknown as soon as one of its pods' is."""
    bench.inputs = [
        started("a", "-100x5"),
        events("a", "1 2 3 4"),
        started("b", "-100 stale -100 -100"),
        events("b", "1 stale 9 9"),
    ]
    expect(bench, 10, {GOOD: 1}, {FLAG: 1})


def test_accuracy_of_another_revision_is_counted_under_that_revision(bench: Bench) -> None:
    """A replica that is sent labels of another revision counts them there, from its first such label on."""
    own = events("a", "1 2 3 4", objective="accuracy")
    foreign = events("a", "_ 0 5 7", objective="accuracy", revision="shop-b", result="bad")
    bench.inputs = [started("a", "-100x5"), own, foreign]
    group = 'config="c", deployment="shop", namespace="ns", objective="accuracy", '
    good = "{" + group + 'result="good", revision="shop-a", storage="unknown"}'
    bad = "{" + group + 'result="bad", revision="shop-b", storage="unknown"}'
    expect(bench, 5, {good: 1, bad: 0}, {})
    expect(bench, 10, {good: 1, bad: 5}, {})


def test_another_exporter_in_the_pod_is_not_the_monitor(bench: Bench) -> None:
    """The start of the model server, scraped from the same pod, says nothing about the monitor's counters."""
    server = target("a") | {"instance": "a:8082", "endpoint": "server"}
    bench.inputs = [
        started("a", "-100x5"),
        events("a", "50 52 60"),
        series(names.METRIC_PROCESS_START, server, "-100 -100 8 8"),
    ]
    expect(bench, 10, {GOOD: 8}, {})


def test_a_shard_asks_for_many_deployments_at_once(bench: Bench) -> None:
    """One query answers for several deployments; names that hold regex characters match only themselves."""
    bench.inputs = [
        started("a", "-100x5"),
        events("a", "0 2"),
        events("a", "0 3", deployment="a.b"),
        events("a", "0 4", deployment="axb"),
    ]
    keys = [("ns", "shop"), ("ns", "a.b"), ("other", "shop")]
    bench.expect(promql.counts(keys), 5, {GOOD: 2, GOOD.replace('"shop"', '"a.b"'): 3})


def test_the_length_of_a_block_is_a_parameter(bench: Bench) -> None:
    """With a block of 10 s and scrapes as far apart, differences are over 10 s."""
    bench.interval_seconds = 10
    bench.inputs = [started("a", "-100x5"), events("a", "7 9 12")]
    bench.expect(promql.counts(KEYS, block_seconds=10), 20, {GOOD: 3})
    bench.expect(promql.unknown_counts(KEYS, block_seconds=10), 20, {})
