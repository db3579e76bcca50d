"""Whether a live object already says what a manifest says, so that nothing need be sent."""

from decimal import Decimal, InvalidOperation
from itertools import repeat
from typing import Any, Final

_QUANTITY_MAPS: Final = frozenset({"limits", "requests"})
_QUANTITY_FIELDS: Final = frozenset({"sizeLimit", "divisor"})
_ATOMIC_MAPS: Final = frozenset({"selector", "matchLabels", "nodeSelector"})
"""Objects in which one more field changes what is meant, and which the API server replaces as a whole."""
_SUFFIXES: Final = {
    **{
        suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)
    },
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{suffix: Decimal(1000) ** -power for power, suffix in enumerate(("m", "u", "n"), 1)},
}


def covers(live: Any, wanted: Any, field: str = "", parent: str = "") -> bool:  # noqa: ANN401 - any JSON
    """Return whether `live` has everything that `wanted` has; it may have more fields in its objects.

    Selectors must be equal: one more label selects other pods, or none. Lists must have as many items, in the
    same order. What the API server leaves out when empty (`{}`, `[]`, "", 0, false, null) may be missing;
    quantities are compared by value, since it writes them its own way.
    """
    if live is None and not wanted:
        return True
    if isinstance(wanted, dict):
        if field in _ATOMIC_MAPS:
            return bool(live == wanted)
        return isinstance(live, dict) and all(
            covers(live.get(name), value, name, field) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        same_length = isinstance(live, list) and len(live) == len(wanted)
        return same_length and all(map(covers, live, wanted, repeat(field), repeat(parent)))
    if live == wanted and isinstance(live, bool) == isinstance(wanted, bool):
        return True
    return (parent in _QUANTITY_MAPS or field in _QUANTITY_FIELDS) and _same_amount(live, wanted)


def _same_amount(live: Any, wanted: Any) -> bool:  # noqa: ANN401 - any JSON
    amount = _amount(wanted)
    return amount is not None and amount == _amount(live)


def _amount(quantity: Any) -> Decimal | None:  # noqa: ANN401 - any JSON
    """Read a Kubernetes quantity such as `100m`, `0.1` or `128Mi`; None if it is none."""
    text = str(quantity)
    for suffix, factor in _SUFFIXES.items():
        if text.endswith(suffix):
            text, scale = text.removesuffix(suffix), factor
            break
    else:
        scale = Decimal(1)
    try:
        return Decimal(text) * scale
    except InvalidOperation:
        return None
