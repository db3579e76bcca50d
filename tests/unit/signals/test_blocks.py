"""From series to blocks: what is counted, what is Unknown, and whose fault stays whose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.evidence.counts import Count, StorageSplit
from modelward.signals.answers import Series
from modelward.signals.blocks import Counted, Subject, count
from modelward.signals.key import Key

WEB = Key("team", "web")
TIMES = (100, 105, 110)
CELL = ("web-1", "latency")


def series(values: dict[int, float], key: Key = WEB, **labels: str) -> Series:
    """One series of the counts query, good events of web-1's latency unless labels say otherwise."""
    whose = {"namespace": key.namespace, "deployment": key.name, "revision": "web-1", "objective": "latency"}
    return Series(
        {**whose, "config": "c1", "result": "good", "storage": "unknown", **labels}, tuple(values.items())
    )


def counted(*counts: Series, flags: tuple[Series, ...] = (), consumed: int | None = 95) -> Counted:
    """The blocks of web."""
    return count([Subject(WEB, {"latency": "c1"}, consumed)], TIMES, counts, flags)


def test_good_and_bad_make_a_count() -> None:
    """Each time has its own block, and a time without series an empty one."""
    found = counted(series({100: 7, 105: 8}), series({100: 1, 105: 0}, result="bad"))

    assert found.blocks[WEB] == ((100, {CELL: Count(7, 1)}), (105, {CELL: Count(8, 0)}), (110, {}))
    assert (found.unknown, found.nonsense, set(found.with_series)) == (0, 0, {WEB})


def both(good: float, bad: float, storage: str) -> tuple[Series, Series]:
    """Good and bad events of one storage class in the first block."""
    return series({100: good}, storage=storage), series({100: bad}, result="bad", storage=storage)


def test_storage_classes_are_summed_and_kept_apart() -> None:
    """All events count; those of which the storage class is known are also known by it."""
    found = counted(*both(7, 1, "fast"), *both(2, 3, "slow"), *both(4, 5, "unknown"))

    assert found.blocks[WEB][0] == (100, {CELL: Count(13, 9, StorageSplit(7, 1, 2, 3))})


def test_one_class_is_enough_for_a_split() -> None:
    """Where no event was slow, or nobody counts slow ones, the fast ones are known all the same."""
    assert counted(*both(7, 1, "fast")).blocks[WEB][0] == (100, {CELL: Count(7, 1, StorageSplit(7, 1, 0, 0))})


@pytest.mark.parametrize("storage", ["unknown", "odd", ""])
def test_other_classes_are_in_neither(storage: str) -> None:
    """A class that says neither fast nor slow counts as events, and splits nothing."""
    assert counted(*both(7, 1, storage)).blocks[WEB][0] == (100, {CELL: Count(7, 1)})


def test_no_events_are_no_split() -> None:
    """Classes that open at zero say nothing yet."""
    assert counted(*both(0, 0, "fast"), *both(0, 0, "slow")).blocks[WEB][0] == (100, {CELL: Count(0, 0)})


@pytest.mark.parametrize("storage", ["fast", "slow"])
def test_half_a_class_splits_nothing(storage: str) -> None:
    """Good events of a class without its bad ones would look flawless: the class is not known."""
    other = "slow" if storage == "fast" else "fast"
    found = counted(*both(4, 1, other), series({100: 7}, storage=storage))

    assert found.blocks[WEB][0] == (100, {CELL: Count(11, 1)})


def test_more_than_anyone_can_count_is_unknown() -> None:
    """Series that are each plausible, but not together, make the block Unknown."""
    found = counted(*both(9e11, 0, "fast"), *both(9e11, 0, "unknown"))

    assert found.blocks[WEB][0] == (100, {CELL: None})


def test_flagged_block_is_unknown_also_with_counts() -> None:
    """Where the companion query says that a block cannot be told, its counts are not read."""
    found = counted(
        series({100: 7, 105: 7}), series({100: 0, 105: 0}, result="bad"), flags=(series({105: 2}),)
    )

    assert found.blocks[WEB][:2] == ((100, {CELL: Count(7, 0)}), (105, {CELL: None}))
    assert found.unknown == 1


def test_flag_without_counts_is_unknown() -> None:
    """A pair that only the companion query knows had series: it is Unknown, not absent."""
    assert counted(flags=(series({100: 1}),)).blocks[WEB][0] == (100, {CELL: None})


def test_half_a_count_is_unknown() -> None:
    """Good events without bad ones would look flawless, bad without good hopeless."""
    assert counted(series({100: 7})).blocks[WEB][0] == (100, {CELL: None})
    assert counted(series({100: 7}, result="bad")).blocks[WEB][0] == (100, {CELL: None})


def test_series_twice_spoils_the_deployment() -> None:
    """The same label set twice would count twice: nothing of the deployment is believed."""
    found = counted(series({100: 7}), series({100: 7}), series({100: 0}, result="bad"))

    assert found.blocks[WEB][0] == (100, {CELL: None})
    assert found.nonsense == 1


def test_wrong_labels_spoil_only_their_deployment() -> None:
    """A team's odd series makes its own blocks Unknown, and nobody else's."""
    other = Key("team", "other")
    subjects = [Subject(key, {"latency": "c1"}, 95) for key in (WEB, other)]
    sound = [
        part for key in (WEB, other) for part in (series({100: 5}, key), series({100: 1}, key, result="bad"))
    ]
    for odd in (
        series({100: 1}, revision=""),
        series({100: 1}, objective=""),
        series({100: 1}, result="great"),
    ):
        found = count(subjects, TIMES, [*sound, odd], [])

        assert found.blocks[WEB][0] == (100, {CELL: None})
        assert found.blocks[other][0] == (100, {CELL: Count(5, 1)})
        assert found.nonsense == 1


def test_flag_without_a_revision_spoils_the_deployment() -> None:
    """Something cannot be told, and nobody can say what."""
    found = counted(series({100: 5}), series({100: 1}, result="bad"), flags=(series({100: 1}, revision=""),))

    assert found.blocks[WEB][0] == (100, {CELL: None})


def test_other_definitions_and_strangers_are_passed_over() -> None:
    """Another config, an objective that is no longer there, and other deployments are not read."""
    found = counted(
        series({100: 9}, config="c0"),
        series({100: 9}, objective="gone", config=""),
        series({100: 9}, Key("other", "web")),
        Series({"namespace": "team"}, ((100, 9.0),)),
    )

    assert found.blocks == {WEB: ((100, {}), (105, {}), (110, {}))}
    assert found.nonsense == 0


def test_nonsense_value_makes_its_block_unknown_and_no_other() -> None:
    """A negative sum is no count, whatever the series beside it says."""
    found = counted(
        series({100: -1, 105: 4}), series({100: 9}, storage="slow"), series({100: 0, 105: 1}, result="bad")
    )

    assert found.blocks[WEB][:2] == ((100, {CELL: None}), (105, {CELL: Count(4, 1)}))
    assert (found.unknown, found.nonsense) == (1, 1)


def test_only_blocks_after_the_last_consumed_are_given() -> None:
    """A deployment that is asked for together with ones further behind gets its own blocks only."""
    assert [time for time, _ in counted(consumed=105).blocks[WEB]] == [110]
    assert [time for time, _ in counted(consumed=None).blocks[WEB]] == [110]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["good", "bad", "other", ""]),
            st.sampled_from(["web-1", "web-2", ""]),
            st.sampled_from(["c1", "c2"]),
            st.sampled_from(["fast", "slow", "unknown"]),
            st.dictionaries(st.sampled_from(TIMES), st.floats(width=32)),
        )
    )
)
def test_any_series_give_blocks_without_an_error(
    found: list[tuple[str, str, str, str, dict[int, float]]],
) -> None:
    """Whatever the numbers and labels, each time has a block, and each count is plausible."""
    result = counted(
        *(
            series(values, result=kind, revision=revision, config=config, storage=storage)
            for kind, revision, config, storage, values in found
        )
    )

    assert [time for time, _ in result.blocks[WEB]] == list(TIMES)
    assert result.unknown == sum(value is None for _, block in result.blocks[WEB] for value in block.values())
