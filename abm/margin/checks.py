"""Checks of what callers hand in: every error names the argument, its value and the rule."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array


def check_number(
    name: str, value: float, *, least: float = -inf, above: float = -inf, most: float = inf
) -> None:
    """Refuse a number that is not finite or out of range.

    Raises
    ------
    ValueError
        If ``value`` is not finite, below ``least``, not above ``above``, or beyond ``most``.
    """
    if above < value < inf and least <= value <= most:
        return
    rules = ["finite"]
    rules += [f"at least {least:g}"] if least > -inf else []
    rules += [f"above {above:g}"] if above > -inf else []
    rules += [f"at most {most:g}"] if most < inf else []
    raise ValueError(f"{name} is {float(value)!r}; it must be {' and '.join(rules)}")


def check_shape(name: str, values: ArrayLike | csr_array, shape: tuple[int, ...]) -> None:
    """Refuse a table of another shape.

    Raises
    ------
    ValueError
        If the shape of ``values`` is not ``shape``.

    Examples
    --------
    >>> check_shape("is_call", [True, False], (3,))
    Traceback (most recent call last):
    ...
    ValueError: is_call has shape (2,); it must be (3,)
    """
    found = np.shape(values)
    if found != shape:
        raise ValueError(f"{name} has shape {found}; it must be {shape}")


def checked_numbers(
    name: str,
    values: ArrayLike,
    *,
    least: float = -inf,
    above: float = -inf,
    most: float = inf,
    shape: tuple[int, ...] | None = None,
) -> NDArray[np.float64]:
    """Return numbers as an array of float64, all of which `check_number` takes.

    Parameters
    ----------
    name : str
        The argument's name, for errors.
    values : array_like
        Numbers; of any shape where ``shape`` is None.
    least, above, most : float
        Bounds, as for `check_number`.
    shape : tuple of int, optional
        The shape they must have.

    Raises
    ------
    ValueError
        If the shape is another one, or the first bad number, named with its place.

    Examples
    --------
    >>> checked_numbers("depth_lots", [[4.0, -1.0]], least=0.0)
    Traceback (most recent call last):
    ...
    ValueError: depth_lots[0, 1] is -1.0; it must be finite and at least 0
    """
    array = np.asarray(values, dtype=np.float64)
    if shape is not None:
        check_shape(name, array, shape)
    good = np.isfinite(array) & (array >= least) & (array > above) & (array <= most)
    for place in np.argwhere(~good)[:1].tolist():
        where = f"[{', '.join(map(str, place))}]" if place else ""
        value = float(array[tuple(place)])
        check_number(f"{name}{where}", value, least=least, above=above, most=most)
    return array
