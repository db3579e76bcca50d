"""Tables whose rows are known."""

import numpy as np
import pandas as pd


def good_table(rows: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return rows without fault: a number, a whole number, a text, and a label of two classes."""
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "height": generator.normal(size=rows),
            "floors": generator.integers(1, 6, size=rows),
            "colour": generator.choice(["blue", "green", "red"], size=rows),
            "sold": generator.integers(0, 2, size=rows),
        }
    )
