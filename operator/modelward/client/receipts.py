"""Keeps the receipts of predictions until their labels are known, by a key that the caller chooses."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from modelward.conventions import HEADER_RECEIPT


@dataclass(slots=True)
class Receipts:
    """Receipts in memory; full, it forgets the oldest. Not for use by two threads at once.

    Where labels come back after a restart of the caller, store the header with the prediction instead.
    """

    capacity: int = 100_000
    """Some 50 MB of receipts."""
    forgotten: int = 0
    """Receipts that were dropped for newer ones."""
    _by_key: OrderedDict[Hashable, str] = field(init=False, default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._by_key)

    def keep(self, key: Hashable, headers: Mapping[str, str]) -> bool:
        """Keep the receipt among an answer's headers; returns whether there was one.

        `headers` finds names in any case, as those of httpx do.
        """
        receipt = headers.get(HEADER_RECEIPT)
        if receipt is None:
            return False
        self._by_key[key] = receipt
        self._by_key.move_to_end(key)
        if len(self._by_key) > self.capacity:
            self._by_key.popitem(last=False)
            self.forgotten += 1
        return True

    def take(self, key: Hashable) -> str | None:
        """Give a receipt away; None: there is none of this key."""
        return self._by_key.pop(key, None)
