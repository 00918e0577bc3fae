"""Checks of what options are valued from: whole tables at once, the first bad number by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def check_shapes(**arguments: ArrayLike) -> None:
    """Check that arguments broadcast against each other.

    Raises
    ------
    ValueError
        Names the first argument that does not fit those before it.
    """
    try:
        np.broadcast(*arguments.values())
    except ValueError as fault:
        shape: tuple[int, ...] = ()
        for name, values in arguments.items():
            own = np.shape(values)
            try:
                shape = np.broadcast_shapes(shape, own)
            except ValueError:
                raise ValueError(
                    f"{name} has shape {own}; it must broadcast against {shape}, the shape of the "
                    "arguments before it"
                ) from fault
        raise


def _first_bad(name: str, values: ArrayLike, rule: str, good: NDArray[np.bool_]) -> None:
    if not good.all():
        bad = np.broadcast_to(np.asarray(values, dtype=np.float64), good.shape)[~good]
        raise ValueError(f"{name} is {bad.flat[0]}; it must be {rule}")


def _least(array: Floats) -> float:
    return float(np.minimum.reduce(array, axis=None))


def _most(array: Floats) -> float:
    return float(np.maximum.reduce(array, axis=None))


def check_spot_inputs(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    is_call: ArrayLike,
    rate: ArrayLike,
    dividend: ArrayLike,
) -> None:
    """Check what an option on a spot price is valued from."""
    check_shapes(
        spot=spot,
        strike=strike,
        years=years,
        volatility=volatility,
        is_call=is_call,
        rate=rate,
        dividend=dividend,
    )
    check_above_zero(spot=spot, strike=strike)
    check_not_negative(years=years, volatility=volatility)
    check_finite(rate=rate, dividend=dividend)


def check_above_zero(**arguments: ArrayLike) -> None:
    """Check that numbers are finite and above 0."""
    for name, values in arguments.items():
        array = np.asarray(values, dtype=np.float64)
        # Two reductions tell that all is well; they are false where one number is none.
        if array.size and not (_least(array) > 0 and _most(array) < np.inf):
            _first_bad(name, array, "finite and > 0", np.asarray(np.isfinite(array) & (array > 0)))


def check_not_negative(**arguments: ArrayLike) -> None:
    """Check that numbers are finite and at least 0."""
    for name, values in arguments.items():
        array = np.asarray(values, dtype=np.float64)
        if array.size and not (_least(array) >= 0 and _most(array) < np.inf):
            good = np.asarray(np.isfinite(array) & (array >= 0))
            _first_bad(name, array, "finite and >= 0", good)


def check_finite(**arguments: ArrayLike) -> None:
    """Check that numbers are finite."""
    for name, values in arguments.items():
        array = np.asarray(values, dtype=np.float64)
        _first_bad(name, array, "finite", np.asarray(np.isfinite(array)))
