from __future__ import annotations

import re
from typing import get_args

import pytest

from abm.recording.schemas import SCHEMAS, Kind, TableSchema
from abm.recording.tables import arrow_schema

UNITS_OF_AMOUNTS = {"USD", "seconds", "hours", "per year", "contracts", "base units"}
UNITS_OF_COUNTS = {
    *(
        "agents",
        "venues",
        "auctions",
        "bids",
        "events",
        "liquidations",
        "messages",
        "rounds",
        "seizures",
        "shocks",
    )
}

# These say all there is to say: messages delivered, and lots of a trade.
OBVIOUS = {"messages_delivered", "lots"}

each_table = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)


def test_tables_have_plain_names_and_say_what_a_row_is() -> None:
    assert all(re.fullmatch(r"[a-z]+", name) for name in SCHEMAS)
    assert all(schema.row for schema in SCHEMAS.values())
    assert len({schema.row for schema in SCHEMAS.values()}) == len(SCHEMAS)


@each_table
def test_columns_have_plain_names_of_their_own(schema: TableSchema) -> None:
    assert len(set(schema.names)) == len(schema.names) == len(schema.columns)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in schema.names)


@each_table
def test_columns_have_a_known_kind_and_unit(schema: TableSchema) -> None:
    for column in schema.columns:
        assert column.kind in get_args(Kind), column
        assert column.unit in UNITS_OF_AMOUNTS | UNITS_OF_COUNTS | {""}, column


@each_table
def test_every_column_has_a_meaning(schema: TableSchema) -> None:
    silent = {column.name for column in schema.columns if not column.meaning}
    assert silent <= OBVIOUS


@each_table
def test_a_name_that_carries_a_unit_has_that_unit(schema: TableSchema) -> None:
    carried = {"usd": "USD", "second": "seconds", "seconds": "seconds", "lots": "contracts"}
    for column in schema.columns:
        suffix = column.name.rsplit("_", maxsplit=1)[-1]
        if suffix in carried:
            assert column.unit == carried[suffix], column


@each_table
def test_numbers_of_things_are_whole_and_text_has_no_unit(schema: TableSchema) -> None:
    for column in schema.columns:
        if column.unit in UNITS_OF_COUNTS:
            assert column.kind == "int", column
        if column.kind in {"text", "bool"}:
            assert column.unit == "", column


@each_table
def test_the_arrow_schema_carries_units_and_meanings(schema: TableSchema) -> None:
    arrow = arrow_schema(schema)
    assert arrow.names == list(schema.names)
    assert arrow.metadata == {b"row": schema.row.encode()}
    for column, field in zip(schema.columns, arrow, strict=True):
        assert field.metadata == {
            b"unit": column.unit.encode(),
            b"meaning": column.meaning.encode(),
        }
