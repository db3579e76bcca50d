"""Crashes on demand, so that tests can end the operator at any write and compare what comes of it.

Off unless the environment variable MODELWARD_FAULT is set:

- `after-write:N` exits at once (no clean-up, as a kill -9 would) when the API server has taken the N-th
  write since the start;
- `before-status:N` exits at once before the N-th write of a ModelDeployment's status is sent.

The Lease is not counted: its renewals would make N depend on time.
"""

import os
from dataclasses import dataclass
from typing import Final

VARIABLE: Final = "MODELWARD_FAULT"
EXIT_CODE: Final = 86


@dataclass(slots=True)
class Faults:
    """Counts writes and ends the process at the chosen one; zero means never."""

    after_write: int = 0
    before_status: int = 0
    _writes: int = 0
    _statuses: int = 0

    @classmethod
    def from_environment(cls, value: str) -> "Faults":
        """Read the value of MODELWARD_FAULT; an empty one injects nothing.

        Raises:
            ValueError: it is neither `after-write:N` nor `before-status:N`.
        """
        if not value:
            return cls()
        place, _, number = value.partition(":")
        if place not in {"after-write", "before-status"} or not number.isdigit() or int(number) < 1:
            message = f"{VARIABLE}={value!r}: write after-write:N or before-status:N, with N from 1"
            raise ValueError(message)
        return cls(**{place.replace("-", "_"): int(number)})

    def status_is_next(self) -> None:
        """Note that a status is about to be written."""
        self._statuses += 1
        if self._statuses == self.before_status:
            os._exit(EXIT_CODE)

    def written(self) -> None:
        """Note that the API server has taken a write."""
        self._writes += 1
        if self._writes == self.after_write:
            os._exit(EXIT_CODE)
