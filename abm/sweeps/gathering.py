"""Gathers the files of all batches into few large ones, in the order of the plan, in little memory.

Where one row group or file ends and the next begins depends on the rows alone, so the bytes do not
depend on which worker did what, on batches, or on how often the study was killed.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from abm.recording.schemas import SCHEMAS
from abm.recording.tables import arrow_schema
from abm.sweeps.batches import (
    FAILURES,
    RUN_ID,
    RUNS,
    failure_fields,
    outcome_fields,
    plain_text,
    shard_name,
)
from abm.sweeps.dataset import (
    GATHERING,
    READY,
    Held,
    install,
    job_of,
    note_dropped,
)
from abm.sweeps.store import open_parquet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from abm.sweeps.dataset import Note
    from abm.sweeps.plan import Plan, RunIds
    from abm.sweeps.store import Store

CELLS_IN_GROUP = 2_000_000
"""Rows times columns after which a row group ends: about 16 MB in memory."""

CELLS_IN_FILE = 64_000_000
"""The same for a file of a kept table: about half a gigabyte in memory, a tenth of it on disk."""

PIECES_HELD = 8
MOST_PARTS = 64
UNITS = {"seconds": "seconds", "hours": "hours", "usd": "USD", "probability": "", "count": ""}

PLACE_FIELDS = (
    ("point", "number of its point in the design"),
    ("replicate", "number of the run at its point"),
)

Table = Any  # pyarrow ships no types


def drop_damaged(store: Store, held: Held) -> int:
    """Forget batches whose files are not as they were written; return how many runs that loses."""
    lost = 0
    for batch, shard in list(held.shards.items()):
        if not all(
            _is_whole(store, shard_name(batch, table), digest)
            for table, digest in shard.files.items()
        ):
            note_dropped(store, batch)
            del held.shards[batch]
            lost += len(shard.finished) + len(shard.failed)
    return lost


def _is_whole(store: Store, name: str, digest: str) -> bool:
    try:
        return hashlib.sha256(store.read(name)).hexdigest() == digest
    except FileNotFoundError:
        return False


@dataclass(frozen=True, eq=False)
class Holder:
    """A place, the runs that it holds, and its gathered files."""

    store: Store
    held: Held
    gathered: Note


def gather(store: Store, plan: Plan, holders: list[Holder], spared: int) -> None:
    """Write all that is held into few large files, ordered by replicate and point.

    Parameters
    ----------
    store : Store
        Where the files go.
    plan : Plan
    holders : list of Holder
        Where runs are; of a run that several hold, any one is taken, for they are the same.
    spared : int
        Runs that the rule of stopping made needless.
    """
    finished = np.unique(np.concatenate([holder.held.finished for holder in holders]))
    failed = np.unique(np.concatenate([holder.held.failed for holder in holders]))
    files: dict[str, int] = {}
    for table, wanted in ((RUNS, finished), (FAILURES, np.setdiff1d(failed, finished))):
        places = _places(plan, wanted)
        if len(places):
            files |= _write_rows(store, plan, table, places, _Source(table, holders))
    places = _places(plan, finished)
    for table in plan.study.tables if len(places) else ():
        files |= _write_table(store, plan, table, places, _Source(table, holders))
    note = {"files": files, "spared": spared}
    store.write(READY, json.dumps(note, sort_keys=True).encode())
    install(store, note)


def _places(plan: Plan, wanted: RunIds) -> NDArray[np.intp]:
    """Return (point, replicate) of the wanted runs, in the order of the plan."""
    replicates, points = np.nonzero(np.isin(plan.ids.T, wanted))
    return np.stack([points, replicates], axis=1)


@dataclass(frozen=True, eq=False)
class _Piece:
    """A file, or a row group of a gathered one."""

    store: Store
    name: str
    row_group: int | None


class _Source:
    """The rows of one table by run, wherever they stand."""

    def __init__(self, table: str, holders: list[Holder]) -> None:
        self.pieces: list[_Piece] = []
        ids: list[RunIds] = []
        for holder in holders:
            store = holder.store
            for name in holder.gathered["files"]:
                if name == f"{table}.parquet" or name.startswith(f"{table}/"):
                    for group, found in _gathered_groups(store, name):
                        self.pieces.append(_Piece(store, name, group))
                        ids.append(found)
            for batch, shard in holder.held.shards.items():
                if table in shard.files:
                    self.pieces.append(_Piece(store, shard_name(batch, table), None))
                    ids.append(shard.failed if table == FAILURES else shard.finished)
        lengths = [len(found) for found in ids]
        every = np.concatenate(ids) if ids else np.array([], dtype=np.uint64)
        order = np.argsort(every, kind="stable")
        self.ids = every[order]
        self.piece_of = np.repeat(np.arange(len(ids)), lengths)[order]
        self.loaded: OrderedDict[int, tuple[Table, dict[int, tuple[int, int]]]] = OrderedDict()

    def find(self, run: np.uint64) -> tuple[int, int, int] | None:
        """Return the piece, first row and rows of a run; None if it left none in this table."""
        place = int(np.searchsorted(self.ids, run))
        if place == len(self.ids) or self.ids[place] != run:
            return None
        piece = int(self.piece_of[place])
        span = self._load(piece)[1].get(int(run))
        return None if span is None else (piece, *span)

    def rows(self, piece: int, start: int, count: int) -> Table:
        """Return rows of a piece."""
        return self._load(piece)[0].slice(start, count)

    def _load(self, number: int) -> tuple[Table, dict[int, tuple[int, int]]]:
        if number not in self.loaded:
            piece = self.pieces[number]
            with open_parquet(piece.store, piece.name) as file:
                table = (
                    file.read(use_threads=False)
                    if piece.row_group is None
                    else file.read_row_group(piece.row_group, use_threads=False)
                )
            self.loaded[number] = table, _spans(table)
            if len(self.loaded) > PIECES_HELD:
                self.loaded.popitem(last=False)
        self.loaded.move_to_end(number)
        return self.loaded[number]


def _gathered_groups(store: Store, name: str) -> Iterator[tuple[int, RunIds]]:
    with open_parquet(store, name) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=["run_id"], use_threads=False)
            yield group, np.array(list(_spans(table)), dtype=np.uint64)


def _spans(table: Table) -> dict[int, tuple[int, int]]:
    """Return where the rows of each run begin, and how many they are; they stand together."""
    if not table.num_rows:
        return {}
    encoded = table["run_id"].combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy()
    names = [int(name, 16) for name in encoded.dictionary.to_pylist()]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    lengths = np.diff(starts, append=len(codes))
    return {
        names[codes[start]]: (start, length)
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
    }


def _groups(source: _Source, ids: RunIds, columns: list[str]) -> Iterator[tuple[int, int, Table]]:
    """Yield the first and last place of runs and their rows, a row group at a time."""
    parts: list[Table] = []
    span: tuple[int, int, int] | None = None
    rows, start = 0, 0

    def taken() -> Table:
        """Join the parts and let go of them, so that they are not there twice while written."""
        table = pa.concat_tables(parts).combine_chunks()
        parts.clear()
        return table

    def close() -> None:
        nonlocal span
        if span is not None:
            parts.append(source.rows(*span).select(columns))
        if len(parts) >= MOST_PARTS:
            parts.append(taken())
        span = None

    for place, run in enumerate(ids):
        found = source.find(run)
        if found is not None:
            piece, first, count = found
            rows += count
            # Runs that stand together are taken at once: a slice of each would be many objects.
            if span is not None and span[0] == piece and sum(span[1:]) == first:
                span = (piece, span[1], span[2] + count)
            else:
                close()
                span = found
        if rows * len(columns) >= CELLS_IN_GROUP:
            close()
            yield start, place + 1, taken()
            rows, start = 0, place + 1
    close()
    if parts:
        yield start, len(ids), taken()


def _write_rows(
    store: Store, plan: Plan, table: str, places: NDArray[np.intp], source: _Source
) -> dict[str, int]:
    """Write one row for each run: its place and factors, then what its batch wrote."""
    job = job_of(plan, store)
    fields = outcome_fields(job) if table == RUNS else failure_fields()
    schema = pa.schema(
        [RUN_ID, *_place_fields(plan), *fields], metadata=_metadata(plan, "one run of the study")
    )
    columns = ["run_id", *(field.name for field in fields)]
    name = f"{table}.parquet"
    with store.output(f"{GATHERING}/{name}") as file, _writer(file, schema) as writer:
        for start, end, rows in _groups(source, plan.ids[tuple(places.T)], columns):
            arrays = _place_columns(plan, places[start:end])
            arrays = [rows["run_id"].combine_chunks(), *arrays]
            arrays += [rows[column].combine_chunks() for column in columns[1:]]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), rows.num_rows)
    return {name: store.size(f"{GATHERING}/{name}") or 0}


def _write_table(
    store: Store, plan: Plan, table: str, places: NDArray[np.intp], source: _Source
) -> dict[str, int]:
    """Write the rows of all runs of a kept table, as many files as it takes."""
    fields = list(plain_text(arrow_schema(SCHEMAS[table]).empty_table()).schema)
    schema = pa.schema([RUN_ID, *fields], metadata=_metadata(plan, SCHEMAS[table].row))
    names: list[str] = []
    groups = _groups(source, plan.ids[tuple(places.T)], schema.names)
    nothing = (0, 0, schema.empty_table())
    first = next(groups, nothing)
    with ExitStack() as stack:
        writer: Any = None
        cells = CELLS_IN_FILE
        for _, _, rows in chain([first], groups):
            if cells >= CELLS_IN_FILE:
                stack.close()
                names.append(f"{table}/{len(names):05d}.parquet")
                file = stack.enter_context(store.output(f"{GATHERING}/{names[-1]}"))
                writer, cells = stack.enter_context(_writer(file, schema)), 0
            writer.write_table(rows.cast(schema), max(rows.num_rows, 1))
            cells += rows.num_rows * rows.num_columns
    return {name: store.size(f"{GATHERING}/{name}") or 0 for name in names}


def _writer(file: Any, schema: Any) -> Any:  # noqa: ANN401 - pyarrow ships no types
    return pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True)


def _metadata(plan: Plan, row: str) -> dict[str, str]:
    return {"row": row, "study": plan.study.name, "question": plan.study.question}


def _place_fields(plan: Plan) -> list[Any]:
    fields = [
        pa.field(name, pa.int64(), metadata={"unit": "", "meaning": meaning})
        for name, meaning in PLACE_FIELDS
    ]
    for name in plan.study.factors:
        unit = UNITS.get(name.rpartition("_")[2], "")
        meaning = {"unit": unit, "meaning": "the scenario's key of this name"}
        fields.append(pa.field(f"factor {name}", _factor_type(plan, name), metadata=meaning))
    return fields


def _place_columns(plan: Plan, places: NDArray[np.intp]) -> list[Any]:
    columns = [pa.array(places[:, 0]), pa.array(places[:, 1])]
    for name in plan.study.factors:
        kind, values = _factor_type(plan, name), plan.points.column(name, places[:, 0].tolist())
        text = pa.types.is_string(kind)
        columns.append(pa.array([str(value) if text else value for value in values], kind))
    return columns


def _factor_type(plan: Plan, name: str) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Return the one Arrow type that holds all values of a factor."""
    kinds = plan.points.kinds(name)
    if kinds == {bool}:
        return pa.bool_()
    if kinds & {str, bool}:
        return pa.string()
    return pa.int64() if kinds == {int} else pa.float64()
