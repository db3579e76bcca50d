"""Crashes on demand are off by default and refuse what they do not know."""

import pytest

from modelward.control.faults import Faults


def test_nothing_is_injected_by_default() -> None:
    """Without the variable any number of writes passes."""
    faults = Faults.from_environment("")
    for _ in range(100):
        faults.status_is_next()
        faults.written()


@pytest.mark.parametrize("value", ["after-write", "after-write:0", "after-write:x", "before-lunch:1"])
def test_unknown_faults_are_refused(value: str) -> None:
    """A fault that would never happen is an error, not a quiet test."""
    with pytest.raises(ValueError, match="write after-write:N or before-status:N"):
        Faults.from_environment(value)
