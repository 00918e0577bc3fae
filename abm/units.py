"""Units of time and money, and how numbers are written for people."""

from __future__ import annotations

from typing import Final

SECONDS_PER_MINUTE: Final = 60
SECONDS_PER_HOUR: Final = 3_600
SECONDS_PER_DAY: Final = 86_400
# 365 days, as in Derive v2-core and the reference cases of option value.
SECONDS_PER_YEAR: Final = 31_536_000

MICRO: Final = 1_000_000
"""Base units of one dollar in every cash balance (USDC has six decimals)."""


# From this amount on, divided by this, with this suffix and so many decimals.
USD_SCALES = (
    (1e9, 1e9, "bn USD", 2),
    (1e6, 1e6, "M USD", 1),
    (1e4, 1e3, "k USD", 1),
)
# Below this length, divided by this, with this suffix and so many decimals.
DURATION_SCALES = (
    (1.5 * SECONDS_PER_MINUTE, 1, "s", 0),
    (1.5 * SECONDS_PER_HOUR, SECONDS_PER_MINUTE, "min", 1),
    (2 * SECONDS_PER_DAY, SECONDS_PER_HOUR, "h", 1),
)

# A number from here on is written without decimals.
FROM_HERE_WHOLE = 100


def seconds(hours: float) -> int:
    """Return ``hours`` as whole seconds.

    >>> seconds(1.5)
    5400
    """
    return round(hours * SECONDS_PER_HOUR)


def dollars(micro_dollars: float) -> float:
    """Return an amount of base units as dollars.

    >>> dollars(2_500_000)
    2.5
    """
    return float(micro_dollars) / MICRO


def format_usd(amount_usd: float) -> str:
    """Write an amount of dollars for people.

    >>> [format_usd(x) for x in (0.0, 12.34, 45_600.0, 12_400_000.0, -3.2e9)]
    ['0 USD', '12.34 USD', '45.6 k USD', '12.4 M USD', '-3.20 bn USD']
    """
    for least, divisor, suffix, digits in USD_SCALES:
        if abs(amount_usd) >= least:
            return f"{amount_usd / divisor:.{digits}f} {suffix}"
    return "0 USD" if amount_usd == 0 else f"{amount_usd:,.2f} USD"


def format_duration(duration_seconds: float) -> str:
    """Write a length of time for people.

    >>> [format_duration(x) for x in (12, 90, 5_400, 200_000)]
    ['12 s', '1.5 min', '1.5 h', '2.3 d']
    """
    for below, divisor, suffix, digits in DURATION_SCALES:
        if duration_seconds < below:
            return f"{duration_seconds / divisor:.{digits}f} {suffix}"
    return f"{duration_seconds / SECONDS_PER_DAY:.1f} d"


def format_value(value: float, unit: str) -> str:
    """Write a value of a table's column for people, by its unit.

    >>> [format_value(-5_400.0, "seconds"), format_value(12.4e6, "USD"), format_value(3, "lots")]
    ['-1.5 h', '12.4 M USD', '3']
    >>> [format_value(1_234.5, ""), format_value(0.0421, "per year"), format_value(0, "")]
    ['1,234', '0.0421', '0']
    """
    if unit == "USD":
        return format_usd(value)
    if unit == "seconds":
        return ("-" if value < 0 else "") + format_duration(abs(value))
    if value == round(value) or abs(value) >= FROM_HERE_WHOLE:
        return f"{value:,.0f}"
    return f"{value:.3g}"
