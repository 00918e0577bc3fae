"""Questions to a table: which rows, in which order; answered lazily, as far as they are shown."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from abm.errors import AbmError, ResultsError
from abm.recording.schemas import SCHEMAS

if TYPE_CHECKING:
    from abm.dashboard.catalog import Selection

ROWS_ON_A_PAGE = 50
# A download larger than this would hold a browser up; the file itself is there for more.
MOST_ROWS = 1_000_000

COMPARISONS = {
    "equal": "equal to",
    "different": "not equal to",
    "at_least": "at least",
    "at_most": "at most",
    "contains": "containing",
}
PAIR_TABLES = "without_shocks/"


class QuestionError(AbmError, ValueError):
    """A question that a table cannot answer, such as text asked of a number."""


@dataclass(frozen=True)
class Question:
    """Which rows of a table, and in which order.

    Attributes
    ----------
    table : str
    column, compare, value : str
        Rows whose value of the column compares so to the value; an empty column is all rows.
    sort : str
        Column to sort by; empty for the order of the file.
    """

    table: str
    column: str = ""
    compare: str = "equal"
    value: str = ""
    sort: str = ""


class Rows:
    """The rows that answer a question.

    Parameters
    ----------
    frame : LazyFrame
    """

    def __init__(self, frame: pl.LazyFrame) -> None:
        self._frame = frame

    def count(self) -> int:
        """Return how many there are."""
        return int(self._frame.select(pl.len()).collect().item())

    def page(self, number: int) -> pl.DataFrame:
        """Return one page of them, counted from 1."""
        return self._frame.slice((number - 1) * ROWS_ON_A_PAGE, ROWS_ON_A_PAGE).collect()

    def as_bytes(self, ending: str) -> bytes:
        """Return all of them as a file, ``csv`` or ``parquet``.

        Raises
        ------
        QuestionError
            If there are too many for a download.
        """
        count = self.count()
        if count > MOST_ROWS:
            raise QuestionError(
                f"{count:,} rows are too many for a download (at most {MOST_ROWS:,}); narrow them "
                "down, or read the Parquet file itself"
            )
        frame, sink = self._frame.collect(), io.BytesIO()
        if ending == "csv":
            frame.write_csv(sink)
        else:
            frame.write_parquet(sink)
        return sink.getvalue()


def tables_of(selection: Selection) -> dict[str, str]:
    """Return the tables of a selection, with what a row of each is."""
    rows = {name: f"{name}: {schema.row}" for name, schema in SCHEMAS.items()}
    if selection.study is not None:
        study = selection.study
        return {name: f"{rows[name]} (all runs)" for name in study.tables()}
    if selection.results is None:
        return {}
    found = {name: text for name, text in rows.items() if selection.results.has(name)}
    pair = selection.results.counterfactual
    if pair is not None:
        found |= {
            PAIR_TABLES + name: f"{text} (without the shocks)"
            for name, text in rows.items()
            if pair.has(name)
        }
    return found


def _frame(selection: Selection, table: str) -> pl.LazyFrame:
    """Return a table of a selection, not yet read."""
    if table not in tables_of(selection):
        raise QuestionError("there is no such table here")
    if selection.study is not None:
        return selection.study.table(table)
    results = selection.results
    if table.startswith(PAIR_TABLES) and results is not None:
        results = results.counterfactual
    if results is None:
        raise QuestionError("there is no such table here")
    return results.table(table.removeprefix(PAIR_TABLES)).lazy()


def columns_of(selection: Selection, table: str) -> list[str]:
    """Return the columns of a table."""
    return _frame(selection, table).collect_schema().names()


def described(table: str) -> dict[str, tuple[str, str]]:
    """Return unit and meaning of the columns of a table, by name."""
    schema = SCHEMAS[table.removeprefix(PAIR_TABLES)]
    return {column.name: (column.unit, column.meaning) for column in schema.columns}


def answer(selection: Selection, question: Question) -> Rows:
    """Return the rows that a question asks for.

    Raises
    ------
    QuestionError
        If there is no such table or column, or the value does not fit the column.
    """
    try:
        frame = _frame(selection, question.table)
        schema = frame.collect_schema()
    except (ResultsError, OSError, pl.exceptions.PolarsError) as error:
        raise QuestionError(f"the table {question.table} cannot be read: {error}") from error
    frame = frame.with_columns(pl.col(pl.Categorical).cast(pl.String))
    for column in (question.column, question.sort):
        if column and column not in schema:
            raise QuestionError(f"the table {question.table} has no column {column!r}")
    if question.column and question.value:
        frame = frame.filter(_condition(question, schema[question.column]))
    if question.sort:
        frame = frame.sort(question.sort, descending=schema[question.sort].is_float())
    return Rows(frame)


def _condition(question: Question, kind: pl.DataType) -> pl.Expr:
    column = pl.col(question.column)
    if question.compare == "contains":
        return column.cast(pl.String).str.contains(question.value, literal=True)
    value: float | str = question.value
    if kind.is_numeric():
        try:
            value = float(question.value)
        except ValueError:
            raise QuestionError(
                f"{question.column} is a number; {question.value!r} is none"
            ) from None
    else:
        column = column.cast(pl.String)
    conditions = {
        "equal": column == value,
        "different": column != value,
        "at_least": column >= value,
        "at_most": column <= value,
    }
    if question.compare not in conditions:
        raise QuestionError(f"there is no comparison {question.compare!r}")
    return conditions[question.compare]
