"""From rows to Arrow tables with units, and to bytes that name their content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from abm.recording.schemas import SCHEMAS, TableSchema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.recording.recorder import Recorder, Value

ARROW_TYPES = {
    "int": pa.int64(),
    "float": pa.float64(),
    "text": pa.dictionary(pa.int32(), pa.string()),
    "bool": pa.bool_(),
}

# What stands for a missing value in a digest, beside the note that it is missing.
EMPTY: dict[str, Value] = {"int64": 0, "double": 0.0, "string": "", "bool": False}

Table = Any  # pyarrow ships no types


def arrow_schema(schema: TableSchema) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Return the Arrow schema of a table; each field's metadata holds its unit and meaning."""
    fields = [
        pa.field(
            column.name,
            ARROW_TYPES[column.kind],
            metadata={"unit": column.unit, "meaning": column.meaning},
        )
        for column in schema.columns
    ]
    return pa.schema(fields, metadata={"row": schema.row})


def arrow_table(name: str, rows: Sequence[tuple[Value, ...]]) -> Table:
    """Return the rows of one table as an Arrow table."""
    schema = arrow_schema(SCHEMAS[name])
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [
        pa.array([None if value is None else _plain(value) for value in column], pa_type)
        for column, pa_type in zip(columns, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _plain(value: Value) -> Value:
    """Return enumeration members as the text they stand for."""
    return str(value) if isinstance(value, str) else value


def arrow_tables(recorder: Recorder) -> dict[str, Table]:
    """Return every table that a run recorded."""
    return {
        name: arrow_table(name, recorder.rows[name]) for name in SCHEMAS if recorder.keeps(name)
    }


def digest(table: Table) -> str:
    """Return the SHA-256 of a table's values, without its metadata, in hexadecimal.

    It depends on names, types and values alone: not on how text is encoded, on chunks, or on what
    stands in memory where a value is missing.
    """
    hasher = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        plain = column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
        filled = plain.fill_null(EMPTY[str(plain.type)])
        parts = {f"{name} {plain.type}": filled, "missing": plain.is_null()}
        bare = pa.Table.from_arrays(
            [part.combine_chunks() for part in parts.values()], names=list(parts)
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, bare.schema) as writer:
            writer.write_table(bare)
        hasher.update(sink.getvalue())
    return hasher.hexdigest()
