"""The points of a design, from factors to values."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import qmc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.sweeps.study import Factor, Study, Value

Point = dict[str, "Value"]


def design_points(study: Study) -> list[Point]:
    """Return the value of every factor at every point, in the order of the design.

    Factorial: all combinations, the last factor fastest. Latin hypercube and Sobol' (scrambled):
    points in the unit cube, mapped to each factor's range or levels.

    References
    ----------
    `scipy.stats.qmc`.

    Examples
    --------
    >>> from abm.sweeps.study import Factor, Study
    >>> study = Study(name="s", question="?", scenario="s.toml", replicates=1,
    ...               factors={"a": Factor(values=(1, 2)), "b": Factor(values=("x", "y"))})
    >>> design_points(study)[1]
    {'a': 1, 'b': 'y'}
    """
    names = list(study.factors)
    if study.design.kind == "factorial":
        levels = [study.factors[name].values or () for name in names]
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*levels)]
    cube = _unit_points(study, len(names))
    columns = [_spread(study.factors[name], cube[:, column]) for column, name in enumerate(names)]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _unit_points(study: Study, dimensions: int) -> NDArray[np.float64]:
    design = study.design
    if design.kind == "sobol":
        # A power of two points is drawn, whose balance is Sobol's point, and cut to size.
        engine = qmc.Sobol(dimensions, scramble=True, rng=design.seed)
        points: NDArray[np.float64] = engine.random_base2((design.samples - 1).bit_length())
        return points[: design.samples]
    return np.asarray(qmc.LatinHypercube(dimensions, rng=design.seed).random(design.samples))


def _spread(factor: Factor, shares: NDArray[np.float64]) -> list[Value]:
    """Map shares of the unit interval to a factor's values."""
    if factor.values is not None:
        places = np.minimum((shares * len(factor.values)).astype(int), len(factor.values) - 1)
        return [factor.values[place] for place in places.tolist()]
    low, high = float(factor.low or 0.0), float(factor.high or 0.0)
    if factor.logarithmic:
        numbers = np.exp(np.log(low) + shares * (np.log(high) - np.log(low)))
    else:
        numbers = low + shares * (high - low)
    return [round(number) if factor.whole else number for number in numbers.tolist()]
