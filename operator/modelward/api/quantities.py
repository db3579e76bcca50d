"""Values as people write them in a manifest (`5m`, `99%`, `"0.2"`) and as the program uses them.

Decimals and percentages are strings in the API, as Kubernetes' API conventions ask (no floats). Their
syntax is a CEL rule, not a `pattern`, because a failed pattern shows a person the pattern and no more.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from modelward.api.rules import KEY_VALIDATIONS, Rule

# Bounded so that no duration overflows CEL's 64 bits of nanoseconds (292 years).
DURATION_PATTERN: Final = r"^([0-9]{1,6}(\.[0-9]{1,9})?(ms|s|m|h))+$"
DURATION_MAX_LENGTH: Final = 20
SIZE_MAX_LENGTH: Final = 12
PERCENTAGE_MAX_LENGTH: Final = 12
DECIMAL_MAX_LENGTH: Final = 20
# Bounded so that the largest unit that it comes out even in is never longer than what was written.
SIZE_PATTERN: Final = r"^([1-9][0-9]{0,8}(Ki|Mi|Gi)|[1-9][0-9]{0,11})$"
PERCENTAGE_PATTERN: Final = r"^(100(\.0{1,6})?|[0-9]{1,2}(\.[0-9]{1,6})?)%$"
DECIMAL_PATTERN: Final = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"
SIGNED_DECIMAL_PATTERN: Final = r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$"

DURATION_ADVICE: Final = "write a number with ms, s, m or h, such as 200ms, 5m or 1h30m"
SIZE_ADVICE: Final = "write a whole number with Ki, Mi or Gi, such as 64Mi, or bytes in quotes"
PERCENTAGE_ADVICE: Final = 'write a string from "0%" to "100%", such as "99.5%"'
DECIMAL_ADVICE: Final = 'write a non-negative number in quotes, such as "1.5"'
SIGNED_DECIMAL_ADVICE: Final = 'write a number in quotes, such as "-1.5"'

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZES: Final = {"Gi": 1024**3, "Mi": 1024**2, "Ki": 1024}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")


def _is(pattern: str, text: str, max_length: int) -> bool:
    return len(text) <= max_length and re.fullmatch(pattern, text) is not None


def parse_duration(text: object) -> timedelta:
    """Read `1h30m`, `200ms`, ...; raises ValueError with what to write instead."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not _is(DURATION_PATTERN, text, DURATION_MAX_LENGTH):
        msg = f"not a duration: {DURATION_ADVICE}"
        raise ValueError(msg)
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))


def format_duration(value: timedelta) -> str:
    """Write a timedelta as the shortest duration string that reads back to it (to the millisecond)."""
    total_ms = round(value.total_seconds() * 1000)
    parts: list[str] = []
    for unit, size_ms in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, total_ms = divmod(total_ms, size_ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_size(text: object) -> int:
    """Read `64Mi` as bytes; raises ValueError with what to write instead."""
    if isinstance(text, int) and text > 0:
        return text
    if not isinstance(text, str) or not _is(SIZE_PATTERN, text, SIZE_MAX_LENGTH):
        msg = f"not a size: {SIZE_ADVICE}"
        raise ValueError(msg)
    return int(text[:-2]) * _SIZES[text[-2:]] if text.endswith("i") else int(text)


def format_size(value: int) -> str:
    """Write bytes in the largest unit that they come out even in."""
    for unit, size in _SIZES.items():
        if value % size == 0:
            return f"{value // size}{unit}"
    return str(value)


def parse_percentage(text: object) -> Decimal:
    """Read `99.5%` as Decimal("0.995"); raises ValueError with what to write instead."""
    if isinstance(text, Decimal):
        return text
    if not isinstance(text, str) or not _is(PERCENTAGE_PATTERN, text, PERCENTAGE_MAX_LENGTH):
        msg = f"not a percentage: {PERCENTAGE_ADVICE}"
        raise ValueError(msg)
    return Decimal(text[:-1]) / 100


def format_percentage(value: Decimal) -> str:
    """Write Decimal("0.995") as `99.5%`."""
    return f"{(value * 100).normalize():f}%"


def parse_decimal(text: object) -> Decimal:
    """Read `"0.2"`; raises ValueError with what to write instead."""
    if isinstance(text, Decimal):
        return text
    if not isinstance(text, str) or not _is(DECIMAL_PATTERN, text, DECIMAL_MAX_LENGTH):
        msg = f"not a decimal: {DECIMAL_ADVICE}"
        raise ValueError(msg)
    return Decimal(text)


def parse_signed_decimal(text: object) -> Decimal:
    """Read `"-0.2"`; raises ValueError with what to write instead."""
    if isinstance(text, Decimal):
        return text
    if not isinstance(text, str) or not _is(SIGNED_DECIMAL_PATTERN, text, DECIMAL_MAX_LENGTH):
        msg = f"not a decimal: {SIGNED_DECIMAL_ADVICE}"
        raise ValueError(msg)
    return Decimal(text)


def format_decimal(value: Decimal) -> str:
    """Write a Decimal without an exponent."""
    return f"{value.normalize():f}"


def cel_duration(expression: str) -> str:
    """Return CEL for the duration in a string; what is no duration counts as 0 and fails its own rule."""
    return f"({expression}.matches(r'{DURATION_PATTERN}') ? duration({expression}) : duration('0s'))"


def duration_within(low: timedelta, high: timedelta) -> Rule:
    """Return the rule low <= duration <= high."""
    first, last = format_duration(low), format_duration(high)
    return Rule(
        f"!self.matches(r'{DURATION_PATTERN}') || "
        f"(duration(self) >= duration('{first}') && duration(self) <= duration('{last}'))",
        f"write a duration from {first} to {last}",
        lambda value: low <= value <= high,
    )


def decimal_within(low: Decimal, high: Decimal) -> Rule:
    """Return the rule low <= decimal <= high."""
    return Rule(
        f"!self.matches(r'{DECIMAL_PATTERN}') || "
        f"(double(self) >= {_cel(low)} && double(self) <= {_cel(high)})",
        f'write a number from "{low}" to "{high}"',
        lambda value: low <= value <= high,
    )


def decimal_above(low: Decimal, up_to: Decimal) -> Rule:
    """Return the rule low < decimal <= up_to."""
    return Rule(
        f"!self.matches(r'{DECIMAL_PATTERN}') || "
        f"(double(self) > {_cel(low)} && double(self) <= {_cel(up_to)})",
        f'write a number above "{low}" and up to "{up_to}"',
        lambda value: low < value <= up_to,
    )


def percentage_between(low: Decimal, high: Decimal) -> Rule:
    """Return the rule low < percentage < high, both given as shares."""
    first, last = format_percentage(low), format_percentage(high)
    number = "double(self.replace('%', ''))"
    return Rule(
        f"!self.matches(r'{PERCENTAGE_PATTERN}') || "
        f"({number} > {_cel(low * 100)} && {number} < {_cel(high * 100)})",
        f'write a percentage above "{first}" and below "{last}"',
        lambda value: low < value < high,
    )


def _cel(number: Decimal) -> str:
    return str(float(number))


def _schema(pattern: str, max_length: int, message: str) -> WithJsonSchema:
    rule = {"rule": f"self.matches(r'{pattern}')", "message": message}
    return WithJsonSchema({"type": "string", "maxLength": max_length, KEY_VALIDATIONS: [rule]})


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    _schema(DURATION_PATTERN, DURATION_MAX_LENGTH, f"not a duration: {DURATION_ADVICE}"),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str),
    _schema(SIZE_PATTERN, SIZE_MAX_LENGTH, f"not a size: {SIZE_ADVICE}"),
]
"""In bytes."""
Percentage = Annotated[
    Decimal,
    BeforeValidator(parse_percentage),
    PlainSerializer(format_percentage, return_type=str),
    _schema(PERCENTAGE_PATTERN, PERCENTAGE_MAX_LENGTH, f"not a percentage: {PERCENTAGE_ADVICE}"),
]
DecimalString = Annotated[
    Decimal,
    BeforeValidator(parse_decimal),
    PlainSerializer(format_decimal, return_type=str),
    _schema(DECIMAL_PATTERN, DECIMAL_MAX_LENGTH, f"not a decimal: {DECIMAL_ADVICE}"),
]
SignedDecimalString = Annotated[
    Decimal,
    BeforeValidator(parse_signed_decimal),
    PlainSerializer(format_decimal, return_type=str),
    _schema(SIGNED_DECIMAL_PATTERN, DECIMAL_MAX_LENGTH, f"not a decimal: {SIGNED_DECIMAL_ADVICE}"),
]
