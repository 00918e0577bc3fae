"""Collects the rows of a run's tables in memory."""

from __future__ import annotations

from abm.recording.schemas import SCHEMAS

Value = int | float | str | bool | None


class Recorder:
    """Rows of every table, in the order in which they were added."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[Value, ...]]] = {name: [] for name in SCHEMAS}
        self._widths = {name: len(schema.names) for name, schema in SCHEMAS.items()}

    def add(self, table: str, *values: Value) -> None:
        """Add a row.

        Raises
        ------
        ValueError
            If the number of values is not the number of the table's columns.
        """
        if len(values) != self._widths[table]:
            raise ValueError(
                f"{table} has {self._widths[table]} columns, a row came with {len(values)}"
            )
        self.rows[table].append(values)

    def column(self, table: str, name: str) -> list[Value]:
        """Return what was recorded in one column of a table, row by row."""
        place = SCHEMAS[table].names.index(name)
        return [row[place] for row in self.rows[table]]
