"""The points of a design, from factors to values; few bytes each, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
from scipy.special import ndtr, ndtri

from abm.errors import AbmError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.sweeps.study import Factor, Study
    from abm.sweeps.table import Value

Point = dict[str, "Value"]


class Points(Sequence[Point]):
    """Points of a design, made when asked for.

    Parameters
    ----------
    columns : dict of str to (ndarray, tuple or None)
        For each factor, one number for each point: its value, or its place among the levels that
        stand beside it.
    """

    def __init__(
        self, columns: dict[str, tuple[NDArray[np.int64 | np.float64], tuple[Value, ...] | None]]
    ) -> None:
        self._columns = columns
        self._count = len(next(iter(columns.values()))[0])

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Point: ...
    @overload
    def __getitem__(self, place: slice) -> Points: ...
    def __getitem__(self, place: int | slice) -> Point | Points:
        if isinstance(place, slice):
            return self.take(np.arange(self._count)[place])
        return {
            name: numbers[place].item() if levels is None else levels[numbers[place]]
            for name, (numbers, levels) in self._columns.items()
        }

    def take(self, places: NDArray[np.intp]) -> Points:
        """Return some of the points, in the order asked for."""
        return Points(
            {name: (numbers[places], levels) for name, (numbers, levels) in self._columns.items()}
        )

    def column(self, name: str, places: Iterable[int]) -> list[Value]:
        """Return a factor's values at some points."""
        numbers, levels = self._columns[name]
        chosen = numbers[np.fromiter(places, dtype=np.intp)].tolist()
        return chosen if levels is None else [levels[number] for number in chosen]

    def kinds(self, name: str) -> set[type]:
        """Return the types of a factor's values, to choose one column type for all of them."""
        numbers, levels = self._columns[name]
        if levels is None:
            return {int if numbers.dtype.kind == "i" else float}
        return {type(level) for level in levels}


def design_points(study: Study) -> Points:
    """Return the value of every factor at every point, in the order of the design.

    Factorial: all combinations, the last factor fastest. Latin hypercube and Sobol' (scrambled):
    points in the unit cube, mapped to each factor's range or levels. Saltelli (for Sobol'
    indices of first order and in total) and Morris (trajectories on a grid): those of SALib. Table:
    the rows of the file.

    Raises
    ------
    AbmError
        If a design of SALib is asked for and SALib is not installed.

    References
    ----------
    `scipy.stats.qmc`; `SALib.sample.sobol`, `SALib.sample.morris`.

    Examples
    --------
    >>> from abm.sweeps.study import Factor, Study
    >>> study = Study(name="s", question="?", scenario="s.toml", replicates=1,
    ...               factors={"a": Factor(values=(1, 2)), "b": Factor(values=("x", "y"))})
    >>> design_points(study)[1]
    {'a': 1, 'b': 'y'}
    """
    kind = study.design.kind
    if kind == "factorial":
        lengths = [len(factor.values or ()) for factor in study.factors.values()]
        grid = np.indices(lengths).reshape(len(lengths), -1)
        return Points(
            {
                name: (places, factor.values)
                for (name, factor), places in zip(study.factors.items(), grid, strict=True)
            }
        )
    if kind == "table":
        return Points(
            {
                name: _levels([point[place] for point in study.design.points])
                for place, name in enumerate(study.factors)
            }
        )
    shares = design_shares(study)
    return Points(
        {
            name: spread(factor, shares[:, place])
            for place, (name, factor) in enumerate(study.factors.items())
        }
    )


def design_shares(study: Study) -> NDArray[np.float64]:
    """Return the points of a spread design in the unit cube, shape (points, factors)."""
    if study.design.kind in ("saltelli", "morris"):
        return _screening(study)
    return _unit_points(study)


def settled_value(factor: Factor, value: float) -> float | int:
    """Return the value of a range's factor that a number stands for: whole where it must be."""
    return round(value) if factor.whole else value


def salib_problem(study: Study) -> dict[str, object]:
    """Return a study's factors as SALib asks for them: shares of the unit interval, by group."""
    names = list(study.factors)
    problem: dict[str, object] = {
        "num_vars": len(names),
        "names": names,
        "bounds": [[0.0, 1.0]] * len(names),
    }
    if any(factor.group for factor in study.factors.values()):
        problem["groups"] = [factor.group or name for name, factor in study.factors.items()]
    return problem


def _screening(study: Study) -> NDArray[np.float64]:
    try:
        from SALib.sample import morris, sobol  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise AbmError(
            f"design.kind is {study.design.kind!r}; it needs SALib: pip install 'abm[sensitivity]'"
        ) from error
    design, problem = study.design, salib_problem(study)
    if design.kind == "saltelli":
        found = sobol.sample(problem, design.samples, calc_second_order=False, seed=design.seed)
    else:
        found = morris.sample(problem, design.samples, num_levels=design.levels, seed=design.seed)
    return np.asarray(found, dtype=np.float64)


def _unit_points(study: Study) -> NDArray[np.float64]:
    from scipy.stats import qmc  # noqa: PLC0415 - large, and most designs do without

    design, dimensions = study.design, len(study.factors)
    if design.kind == "sobol":
        # A power of two points is drawn, whose balance is Sobol's point, and cut to size.
        engine = qmc.Sobol(dimensions, scramble=True, rng=design.seed)
        points: NDArray[np.float64] = engine.random_base2((design.samples - 1).bit_length())
        return points[: design.samples]
    return np.asarray(qmc.LatinHypercube(dimensions, rng=design.seed).random(design.samples))


def _levels(values: list[Value]) -> tuple[NDArray[np.int64], tuple[Value, ...]]:
    """Return values as places among their levels; 1, 1.0 and True are levels of their own."""
    places: dict[tuple[type, Value], int] = {}
    numbers = [places.setdefault((type(value), value), len(places)) for value in values]
    return np.array(numbers, dtype=np.int64), tuple(value for _, value in places)


def spread(
    factor: Factor, shares: NDArray[np.float64]
) -> tuple[NDArray[np.int64 | np.float64], tuple[Value, ...] | None]:
    """Map shares of the unit interval to a factor's values."""
    if factor.values is not None:
        places = (shares * len(factor.values)).astype(np.int64)
        return np.minimum(places, len(factor.values) - 1), factor.values
    if factor.median is not None and factor.ln_sigma is not None:
        numbers = _lognormal(factor, shares, factor.median, factor.ln_sigma)
        return (np.rint(numbers).astype(np.int64) if factor.whole else numbers), None
    low, high = float(factor.low or 0.0), float(factor.high or 0.0)
    if factor.logarithmic:
        numbers = np.exp(np.log(low) + shares * (np.log(high) - np.log(low)))
    else:
        numbers = low + shares * (high - low)
    return (np.rint(numbers).astype(np.int64) if factor.whole else numbers), None


def _lognormal(
    factor: Factor, shares: NDArray[np.float64], median: float, ln_sigma: float
) -> NDArray[np.float64]:
    """Return quantiles of a lognormal law, of which only the part between low and high is left."""

    def share_below(value: float) -> float:
        return float(ndtr(np.log(value / median) / ln_sigma))

    first = 0.0 if factor.low is None or factor.low <= 0 else share_below(factor.low)
    last = 1.0 if factor.high is None else share_below(factor.high)
    inside = np.clip(first + shares * (last - first), 1e-300, 1 - 2**-53)
    return np.asarray(median * np.exp(ln_sigma * ndtri(inside)), dtype=np.float64)
