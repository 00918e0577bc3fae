"""Fills recorded prices and volatility in from the files that a scenario names."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from abm.errors import Problem
from abm.scenario.price_files import (
    BAR_COLUMNS,
    CLOSE_COLUMNS,
    INDEX_COLUMNS,
    Series,
    read_series,
)
from abm.units import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Tables = dict[str, Any]  # what a file holds: not checked yet, so anything may stand anywhere

STAND_IN_BAR = [1.0, 1.0, 1.0, 1.0]
"""Stands for bars that could not be read, so that the other faults of a scenario are found."""


def expand_files(data: Tables, folder: Path) -> tuple[Tables, list[Problem]]:
    """Return a scenario's tables with the figures of the files they name, and all their faults.

    A table that has both a file's figures and its digest, as results keep it, is left alone.

    Parameters
    ----------
    data : dict
        What a scenario file holds.
    folder : Path
        Where names of files start from.
    """
    data = copy.deepcopy(data)
    problems: list[Problem] = []
    window = _window(data)
    for key, table in _prices(data):
        problems += _fill(key, table, folder, window, _put_bars, (BAR_COLUMNS, CLOSE_COLUMNS))
    index = _table(_table(data, "market"), "volatility").get("index")
    if isinstance(index, dict):
        key = "market.volatility.index"
        problems += _fill(key, index, folder, window, _put_points, (INDEX_COLUMNS,))
    return data, problems


def _prices(data: Tables) -> Iterator[tuple[str, Tables]]:
    market = _table(data, "market")
    if isinstance(market.get("price"), dict):
        yield "market.price", market["price"]
    for name, other in _table(market, "others").items():
        if isinstance(other, dict) and isinstance(other.get("price"), dict):
            yield f"market.others.{name}.price", other["price"]


def _table(data: Tables, name: str) -> Tables:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


Window = tuple[datetime, datetime]


def _window(data: Tables) -> Window | None:
    """Return when the run starts and ends, if the scenario's clock is sound."""
    clock = _table(data, "clock")
    try:
        start = datetime.fromisoformat(clock["start_utc"]).astimezone(UTC)
        return start, start + timedelta(seconds=seconds(clock["hours"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _fill(
    key: str,
    table: Tables,
    folder: Path,
    window: Window | None,
    put: Callable[[str, Tables, Series, Window], list[Problem]],
    layouts: tuple[tuple[str, ...], ...],
) -> list[Problem]:
    """Fill one table in from its file; where that fails, with figures that stand in for it."""
    if not isinstance(table.get("file"), str):
        return []
    figures = "points" if put is _put_points else "bars"
    if figures in table:
        # Only what a run has recorded holds both.
        rule = f"give {figures} or a file, not both"
        return [] if "file_sha256" in table else [Problem(f"{key}.file", table["file"], rule)]
    series, problems = read_series(folder / table["file"], f"{key}.file", layouts)
    if series is not None and table.get("file_sha256", series.sha256) != series.sha256:
        rule = f"the file's digest is {series.sha256}"
        problems = [Problem(f"{key}.file_sha256", repr(table["file_sha256"]), rule)]
    if series is not None and not problems and window is not None:
        problems = put(key, table, series, window)
    if problems or series is None or window is None:
        _stand_in(table, figures, window)
        return problems
    table["file_sha256"] = series.sha256
    return []


def _stand_in(table: Tables, figures: str, window: Window | None) -> None:
    length = 3_600 if window is None else round((window[1] - window[0]).total_seconds())
    table[figures] = [STAND_IN_BAR] if figures == "bars" else [1.0, 1.0]
    table["bar_seconds" if figures == "bars" else "point_seconds"] = max(length, 60)


def _put_bars(key: str, table: Tables, series: Series, window: Window) -> list[Problem]:
    """Put the bars that cover the run; with closes alone, a bar goes from one to the next."""
    spacing = timedelta(seconds=series.spacing_seconds)
    closes = table.get("file_times", "close") == "close"
    opens = [moment - spacing if closes else moment for moment in series.times]
    if series.columns == BAR_COLUMNS:
        bars = list(series.rows)
    else:
        prices = [row[0] for row in series.rows]
        pairs = list(pairwise(prices))
        bars = [(first, max(first, last), min(first, last), last) for first, last in pairs]
        opens = opens[1:]
    chosen = [bar for opened, bar in zip(opens, bars, strict=True) if opened >= window[0]]
    faults = _coverage(f"{key}.file", table["file"], opens, spacing, window)
    if faults:
        return faults
    needed = -int((window[0] - window[1]).total_seconds() // series.spacing_seconds)
    table["bars"] = [list(bar) for bar in chosen[:needed]]
    table["bar_seconds"] = series.spacing_seconds
    return []


def _put_points(key: str, table: Tables, series: Series, window: Window) -> list[Problem]:
    """Put the points from the start of the run to its end or just after it."""
    spacing = timedelta(seconds=series.spacing_seconds)
    opens = list(series.times[:-1])
    faults = _coverage(f"{key}.file", table["file"], opens, spacing, window)
    if faults:
        return faults
    first = opens.index(window[0])
    needed = -int((window[0] - window[1]).total_seconds() // series.spacing_seconds) + 1
    table["points"] = [row[0] for row in series.rows[first : first + needed]]
    table["point_seconds"] = series.spacing_seconds
    return []


def _coverage(
    key: str, file: str, opens: list[datetime], spacing: timedelta, window: Window
) -> list[Problem]:
    """Check that a row opens where the run starts, and that the rows last to its end."""
    first, last = opens[0], opens[-1] + spacing
    start, end = window
    if first > start or last < end:
        rule = (
            f"it goes from {first.isoformat()} to {last.isoformat()}; the run goes from "
            f"{start.isoformat()} to {end.isoformat()}"
        )
        return [Problem(key, repr(file), rule)]
    if start not in opens:
        rule = f"no row of it begins at the start of the run, {start.isoformat()}"
        return [Problem(key, repr(file), rule)]
    return []
