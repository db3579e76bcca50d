"""Random ids."""

import binascii

from modelward.monitor.randomness import Ids


def test_ids_differ_from_draw_to_draw() -> None:
    """Every id has the length of the first and is another, beyond the number that is drawn at once, too."""
    ids = Ids(12, binascii.hexlify)
    taken = [ids.take() for _ in range(2000)]
    assert {len(each) for each in taken} == {24}
    assert len(set(taken)) == len(taken)
