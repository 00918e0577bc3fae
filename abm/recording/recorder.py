"""Collects the rows of a run's tables in memory."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from abm.recording.schemas import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Collection

Value = int | float | str | bool | None

ALWAYS = ("runs", "steps")
"""Tables of every run: what came of it, and what that is made of."""


class Recorder:
    """Rows of tables, in the order in which they were added.

    Parameters
    ----------
    tables : collection of str, optional
        Tables to keep, beside those of every run; all if not given.

    Raises
    ------
    ValueError
        If there is no table of a name, or one text is given for all.

    Attributes
    ----------
    replaced : tuple of str
        Roles that somebody else's agents played, so that the scenario alone does not say what ran.
    """

    def __init__(self, tables: Collection[str] | None = None) -> None:
        if isinstance(tables, str):
            raise ValueError(f"tables is the text {tables!r}; it must be a list of names")  # noqa: TRY004
        for table in tables or ():
            if table not in SCHEMAS:
                near = get_close_matches(table, SCHEMAS, n=1, cutoff=0.0)[0]
                raise ValueError(f"tables has {table!r}; no run has it; did you mean {near!r}?")
        self.rows: dict[str, list[tuple[Value, ...]]] = {name: [] for name in SCHEMAS}
        wanted = SCHEMAS if tables is None else (*ALWAYS, *tables)
        self.replaced: tuple[str, ...] = ()
        self._keeps = {name: name in wanted for name in SCHEMAS}
        self._widths = {name: len(schema.names) for name, schema in SCHEMAS.items()}

    def keeps(self, *tables: str) -> bool:
        """Return whether any of these tables is kept, so that their rows are worth making."""
        return any(self._keeps[table] for table in tables)

    def add(self, table: str, *values: Value) -> None:
        """Add a row, unless its table is not kept.

        Raises
        ------
        ValueError
            If the number of values is not the number of the table's columns.
        """
        if len(values) != self._widths[table]:
            raise ValueError(
                f"{table} has {self._widths[table]} columns, a row came with {len(values)}"
            )
        if self._keeps[table]:
            self.rows[table].append(values)

    def column(self, table: str, name: str) -> list[Value]:
        """Return what was recorded in one column of a table, row by row.

        Raises
        ------
        ValueError
            If the table is not kept, or there is no such column.
        """
        if not self._keeps[table]:
            raise ValueError(f"{table} was not recorded; the run was asked for other tables")
        place = SCHEMAS[table].names.index(name)
        return [row[place] for row in self.rows[table]]
