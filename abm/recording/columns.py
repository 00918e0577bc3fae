"""What a table of results is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["int", "float", "text", "bool"]


@dataclass(frozen=True)
class Column:
    """One column; ``unit`` is empty for names and numbers of things. Any value may be missing."""

    name: str
    kind: Kind
    unit: str
    meaning: str


@dataclass(frozen=True)
class TableSchema:
    """One table: what a row is, and its columns in order."""

    row: str
    columns: tuple[Column, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)


def table(row: str, *columns: tuple[str, Kind, str, str]) -> TableSchema:
    """Return a table of what a row is, and its columns: name, kind, unit, meaning."""
    return TableSchema(row, tuple(Column(*column) for column in columns))
