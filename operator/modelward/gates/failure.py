"""The one error of a gate: there is no answer, and why."""

from modelward.api.gateverdict import ErrorReason


class GateError(Exception):
    """A gate cannot answer; the text says what was wrong, where, and what to do."""

    def __init__(self, reason: ErrorReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
