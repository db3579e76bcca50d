"""profile.json: what a model's training data is like. `modelward profile` writes it, a ConfigMap carries it.

From it come the bins that drift is counted in, the schema that data quality is held against, and the spread
of features that robustness is measured by. The schema is versioned; a file is validated when it is read.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from modelward.api.binning import (
    MAX_BINNED_FEATURES,
    MAX_NAME_CHARACTERS,
    CategoricalBins,
    DriftConfig,
    FeatureBins,
    NumericBins,
)

PROFILE_VERSION: Final = 1
MAX_PROFILED_FEATURES: Final = 500
MAX_PROFILE_BYTES: Final = 512 * 1024
"""Of a ConfigMap's 1 MiB, and of the operator's memory for each deployment."""
PROFILE_KEY: Final = "profile.json"
"""The ConfigMap's key."""
_HASH_CHARACTERS: Final = 12
_PROBLEMS_TOLD: Final = 5

Count = Annotated[int, Field(ge=0, le=2**53)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class InvalidProfileError(ValueError):
    """A profile that can't be used; the text says where, why and what to write instead."""


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Column(_Schema):
    name: str = Field(min_length=1, max_length=MAX_NAME_CHARACTERS)
    missing: Count
    """Rows in which it is null, NaN or empty."""


class NumericColumn(_Column):
    """A column of numbers."""

    kind: Literal["numeric"] = "numeric"
    integer: bool
    """Whether every number is whole."""
    minimum: Number
    maximum: Number
    mean: Number
    standard_deviation: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    edges: tuple[Number, ...]
    """Upper bounds of all bins but the last, each in its bin."""
    counts: tuple[Count, ...]
    """Rows in each bin, one more than edges."""

    @model_validator(mode="after")
    def _can_be_binned(self) -> "NumericColumn":
        if self.minimum > self.maximum:
            msg = f"column {self.name}: minimum {self.minimum} is above maximum {self.maximum}"
            raise ValueError(msg)
        self.bins(0)
        return self

    def bins(self, column: int) -> NumericBins:
        """Return its bins for the monitor, as the column of this position."""
        reference = (*self.counts, 0, self.missing)
        return NumericBins(name=self.name, column=column, edges=self.edges, reference=reference)


class CategoricalColumn(_Column):
    """A column of categories."""

    kind: Literal["categorical"] = "categorical"
    categories: tuple[str, ...]
    """The most frequent, in order of frequency."""
    counts: tuple[Count, ...]
    """Rows of each."""
    other: Count
    """Rows of all others."""

    @model_validator(mode="after")
    def _can_be_binned(self) -> "CategoricalColumn":
        self.bins(0)
        return self

    def bins(self, column: int) -> CategoricalBins:
        """Return its bins for the monitor, as the column of this position."""
        reference = (*self.counts, self.other, self.missing)
        return CategoricalBins(name=self.name, column=column, categories=self.categories, reference=reference)


Column = Annotated[NumericColumn | CategoricalColumn, Field(discriminator="kind")]


class Origin(_Schema):
    """The data that a profile was made of."""

    file: str = Field(max_length=255)
    """Name without folders."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Of the file's bytes."""
    rows: Annotated[int, Field(ge=1, le=2**53)]


class Profile(_Schema):
    """The whole of profile.json."""

    version: Literal[1] = PROFILE_VERSION
    data: Origin
    features: tuple[Column, ...] = Field(min_length=1, max_length=MAX_PROFILED_FEATURES)
    """In the order of the model's input; where there are many, the first ones are watched for drift."""
    label: Column | None = None
    prediction: Column | None = None

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Profile":
        names = [feature.name for feature in self.features]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            msg = f"features named twice: {', '.join(twice)}; name each once"
            raise ValueError(msg)
        return self

    @property
    def classes(self) -> Mapping[str, float]:
        """Return each class's share of the labelled rows; empty without a label of classes."""
        if not isinstance(self.label, CategoricalColumn):
            return {}
        labelled = sum(self.label.counts) + self.label.other
        return {
            name: count / labelled
            for name, count in zip(self.label.categories, self.label.counts, strict=True)
            if labelled
        }


def read_profile(text: str | bytes) -> Profile:
    """Read a profile.

    Raises:
        InvalidProfileError: it is too long, no JSON, of another version, or breaks the schema.
    """
    content = text.encode() if isinstance(text, str) else text
    if len(content) > MAX_PROFILE_BYTES:
        msg = (
            f"the profile has {len(content)} bytes, more than {MAX_PROFILE_BYTES}; "
            "make one of fewer features, with modelward profile --features"
        )
        raise InvalidProfileError(msg)
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        msg = f"the profile is not JSON ({error}); make one with modelward profile"
        raise InvalidProfileError(msg) from error
    version = value.get("version") if isinstance(value, dict) else None
    if version != PROFILE_VERSION:
        msg = f"version {version!r} of profiles is not known here; make one of version {PROFILE_VERSION}"
        raise InvalidProfileError(msg)
    try:
        return Profile.model_validate(value)
    except ValidationError as error:
        problems = [f"{_path(each['loc'])}: {_said(each['msg'])}" for each in error.errors()]
        more = f" and {len(problems) - _PROBLEMS_TOLD} more" if len(problems) > _PROBLEMS_TOLD else ""
        msg = f"the profile is invalid: {'; '.join(problems[:_PROBLEMS_TOLD])}{more}"
        raise InvalidProfileError(msg) from error


def profile_hash(profile: Profile) -> str:
    """Return a short hash of the bins and their counts: what counts of drift are counts of."""
    watched = [profile.model_dump(mode="json", include={"features", "prediction"}), len(profile.features)]
    return hashlib.sha256(orjson.dumps(watched, option=orjson.OPT_SORT_KEYS)).hexdigest()[:_HASH_CHARACTERS]


def drift_config(profile: Profile) -> DriftConfig:
    """Return what the monitor counts: the first features, and the predictions."""
    watched = profile.features[:MAX_BINNED_FEATURES]
    features: tuple[FeatureBins, ...] = tuple(feature.bins(number) for number, feature in enumerate(watched))
    prediction = None if profile.prediction is None else profile.prediction.bins(0)
    return DriftConfig(
        profile=profile_hash(profile),
        columns=len(profile.features),
        features=features,
        prediction=prediction,
    )


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")


def _path(location: tuple[int | str, ...]) -> str:
    return "profile" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
