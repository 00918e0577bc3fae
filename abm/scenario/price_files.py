"""Reads price files: every fault of one is named, with its row, at once."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from abm.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIME = "timestamp_utc"
BAR_COLUMNS = ("open", "high", "low", "close")
CLOSE_COLUMNS = ("close",)
INDEX_COLUMNS = ("level",)

MOST_FAULTS = 8
"""Faults of one file that are told one by one; the rest are counted."""

Cells = list[dict[str, Any]]  # what a file holds, row by row: not checked yet


@dataclass(frozen=True)
class Series:
    """What a sound price file holds.

    Attributes
    ----------
    columns : tuple of str
        `BAR_COLUMNS`, `CLOSE_COLUMNS` or `INDEX_COLUMNS`.
    spacing_seconds : int
        Time between two rows.
    times : tuple of datetime
        In UTC, rising by the spacing.
    rows : tuple of tuple of float
        Figures above 0, as many in each row as there are columns.
    sha256 : str
        Digest of the file, in hexadecimal.
    """

    columns: tuple[str, ...]
    spacing_seconds: int
    times: tuple[datetime, ...]
    rows: tuple[tuple[float, ...], ...]
    sha256: str


def read_series(
    path: Path, key: str, layouts: tuple[tuple[str, ...], ...]
) -> tuple[Series | None, list[Problem]]:
    """Read a price file.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.parquet`` file with a column ``timestamp_utc``.
    key : str
        Dotted key of the scenario that names the file, for messages.
    layouts : tuple of tuple of str
        The sets of columns that would do; the first that the file has is read.

    Returns
    -------
    tuple of Series or None and list of Problem
        None where there is a fault.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        return None, [Problem(key, repr(str(path)), error.strerror or "it cannot be read")]
    name = path.name
    try:
        header, cells = _parquet(content) if path.suffix == ".parquet" else _csv(content)
    except ValueError as error:  # not text, or not Parquet
        return None, [Problem(key, repr(name), f"it cannot be read: {error}")]
    columns = next((layout for layout in layouts if set(layout) <= set(header)), None)
    if columns is None or TIME not in header:
        wanted = columns or max(layouts, key=lambda layout: len(set(layout) & set(header)))
        return None, list(_missing_columns(name, key, (TIME, *wanted), header))
    faults = list(_row_faults(cells, columns))
    if len(cells) < len(("first", "second")):
        faults.append("it must have at least two rows")
    # Between rows of which the time is unknown nothing is said to be missing.
    times = [None if _time_fault(row[TIME]) else _moment(row[TIME]) for row in cells]
    spacing, gaps = _spacing(times)
    faults += gaps
    if faults:
        return None, _told(name, key, faults)
    rows = tuple(tuple(float(row[column]) for column in columns) for row in cells)
    digest = hashlib.sha256(content).hexdigest()
    known = tuple(time for time in times if time is not None)
    return Series(columns, spacing, known, rows, digest), []


def _csv(content: bytes) -> tuple[list[str], Cells]:
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    return [name.strip() for name in reader.fieldnames or []], list(reader)


def _parquet(content: bytes) -> tuple[list[str], Cells]:
    # Arrow takes as long to import as a scenario takes to check.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        table = pq.read_table(pa.BufferReader(content))
    except pa.ArrowException as error:
        raise ValueError(str(error).splitlines()[0]) from error
    return list(table.column_names), table.to_pylist()


def _missing_columns(
    name: str, key: str, wanted: tuple[str, ...], header: list[str]
) -> Iterator[Problem]:
    for column in wanted:
        if column not in header:
            close = get_close_matches(column, header, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r} by it?" if close else f"it has {', '.join(header)}"
            yield Problem(key, repr(name), f"it must have a column {column!r}", hint)


def _row_faults(cells: Cells, columns: tuple[str, ...]) -> Iterator[str]:
    """Say what is wrong with each row by itself; the header is row 1."""
    for number, row in enumerate(cells, start=2):
        if (fault := _time_fault(row[TIME])) is not None:
            yield f"row {number}: {TIME} is {row[TIME]!r}; {fault}"
        sound = True
        for column in columns:
            figure = _number(row[column])
            if figure is None or figure <= 0:
                yield f"row {number}: {column} is {row[column]!r}; it must be a number above 0"
                sound = False
        if sound and columns == BAR_COLUMNS:
            opening, high, low, close = (float(row[column]) for column in columns)
            if not low <= min(opening, close) <= max(opening, close) <= high:
                yield f"row {number}: open and close must lie between low and high"


def _number(cell: object) -> float | None:
    try:
        figure = float(str(cell))
    except ValueError:
        return None
    return figure if math.isfinite(figure) else None


def _time_fault(cell: object) -> str | None:
    try:
        moment = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell))
    except ValueError:
        return "it must be a time such as 2020-03-12T00:00:00Z"
    if moment.tzinfo is None or moment.utcoffset() != timedelta(0):
        return "it must be in UTC: end it with Z"
    return None


def _moment(cell: object) -> datetime:
    moment = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell))
    return moment.astimezone(UTC)


def _spacing(times: list[datetime | None]) -> tuple[int, list[str]]:
    """Return the seconds between rows, and every place where they are others."""
    steps = {
        number: (later, round((later - earlier).total_seconds()))
        for number, (earlier, later) in enumerate(pairwise(times), start=3)
        if earlier is not None and later is not None
    }
    rising = [step for _, step in steps.values() if step > 0]
    spacing = Counter(rising).most_common(1)[0][0] if rising else 0
    faults = []
    for number, (later, step) in steps.items():
        if step <= 0:
            faults.append(f"row {number}: {later.isoformat()} does not come after the row before")
        elif step != spacing:
            faults.append(
                f"row {number}: {step} seconds after the row before, the others {spacing}: figures "
                f"are {'missing' if step > spacing else 'too many'}"
            )
    return spacing, faults


def _told(name: str, key: str, faults: list[str]) -> list[Problem]:
    """Return the first faults of a file one by one, and the number of those left."""
    told = [Problem(key, repr(name), fault) for fault in faults[:MOST_FAULTS]]
    if left := len(faults) - len(told):
        told.append(Problem(key, repr(name), f"{left} more faults"))
    return told
