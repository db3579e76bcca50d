"""Values as people write them in a manifest (`5m`, `99%`, `"0.2"`) and as the program uses them.

Decimals and percentages are strings in the API, as Kubernetes' API conventions ask (no floats).
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

DURATION_PATTERN: Final = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
PERCENTAGE_PATTERN: Final = r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]{1,6})?)%$"
DECIMAL_PATTERN: Final = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")


def parse_duration(text: object) -> timedelta:
    """Read `1h30m`, `200ms`, ...; raises ValueError with what to write instead."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(DURATION_PATTERN, text):
        msg = f"{text!r} is not a duration; write a number with ms, s, m or h, such as 200ms, 5m or 1h30m"
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


def parse_percentage(text: object) -> Decimal:
    """Read `99.5%` as Decimal("0.995"); raises ValueError with what to write instead."""
    if isinstance(text, Decimal):
        return text
    if not isinstance(text, str) or not re.fullmatch(PERCENTAGE_PATTERN, text):
        msg = f'{text!r} is not a percentage; write a string from "0%" to "100%", such as "99.5%"'
        raise ValueError(msg)
    return Decimal(text[:-1]) / 100


def format_percentage(value: Decimal) -> str:
    """Write Decimal("0.995") as `99.5%`."""
    return f"{(value * 100).normalize():f}%"


def parse_decimal(text: object) -> Decimal:
    """Read `"0.2"`; raises ValueError with what to write instead."""
    if isinstance(text, Decimal):
        return text
    if not isinstance(text, str) or not re.fullmatch(DECIMAL_PATTERN, text):
        msg = f'{text!r} is not a decimal; write a non-negative number in quotes, such as "1.5"'
        raise ValueError(msg)
    return Decimal(text)


def format_decimal(value: Decimal) -> str:
    """Write a Decimal without an exponent."""
    return f"{value.normalize():f}"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "maxLength": 32}),
]
Percentage = Annotated[
    Decimal,
    BeforeValidator(parse_percentage),
    PlainSerializer(format_percentage, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PERCENTAGE_PATTERN, "maxLength": 12}),
]
DecimalString = Annotated[
    Decimal,
    BeforeValidator(parse_decimal),
    PlainSerializer(format_decimal, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DECIMAL_PATTERN, "maxLength": 20}),
]
