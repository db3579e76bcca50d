"""The data that dataQuality looks at."""

from dataclasses import dataclass

import pandas as pd

from modelward.api.profile import Profile


@dataclass(frozen=True, slots=True)
class Tables:
    """The data of a run.

    Args:
        validation: as it is in the file.
        training: as it is in the file; None where none is given.
        profile: of the training data; None where none is given.
        features: names of the model's inputs.
        label: name of the column of what is right.
    """

    validation: pd.DataFrame
    training: pd.DataFrame | None
    profile: Profile | None
    features: tuple[str, ...]
    label: str
