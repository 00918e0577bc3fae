from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from abm.recording.recorder import Recorder, Value
from abm.recording.schemas import SCHEMAS, Kind
from abm.recording.tables import arrow_table, arrow_tables, digest
from abm.scenario.shocks import ChannelHalt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.recording.results import RunResults

Row = tuple[Value, ...]

VALUES: dict[Kind, st.SearchStrategy[Value]] = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False),
    "text": st.text(max_size=5),
    "bool": st.booleans(),
}

each_table = pytest.mark.parametrize("name", SCHEMAS)
# Without shrinking: a row of thirty columns takes minutes to shrink, and is short as it is.
quick = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)


def rows_of(name: str) -> st.SearchStrategy[list[Row]]:
    columns = [st.none() | VALUES[column.kind] for column in SCHEMAS[name].columns]
    return st.lists(st.tuples(*columns), max_size=6)


def through_parquet(table: Any) -> bytes:  # noqa: ANN401 - pyarrow ships no types
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


@each_table
@quick
@given(data=st.data())
def test_values_come_back_from_parquet_as_they_went_in(name: str, data: st.DataObject) -> None:
    rows = data.draw(rows_of(name))
    frame = pl.read_parquet(through_parquet(arrow_table(name, rows)))
    assert frame.columns == list(SCHEMAS[name].names)
    assert frame.rows() == rows


@each_table
def test_an_empty_table_keeps_its_columns_and_kinds(name: str) -> None:
    frame = pl.read_parquet(through_parquet(arrow_table(name, [])))
    kinds = {"int": pl.Int64, "float": pl.Float64, "text": pl.Categorical, "bool": pl.Boolean}
    assert frame.is_empty()
    assert [type(kind) for kind in frame.dtypes] == [
        kinds[column.kind] for column in SCHEMAS[name].columns
    ]


@each_table
@quick
@given(data=st.data())
def test_the_digest_changes_with_any_value(name: str, data: st.DataObject) -> None:
    rows = data.draw(rows_of(name).filter(bool))
    number = data.draw(st.integers(0, len(rows) - 1))
    place = data.draw(st.integers(0, len(rows[number]) - 1))
    old = rows[number][place]
    kind = SCHEMAS[name].columns[place].kind
    new = data.draw((st.none() | VALUES[kind]).filter(lambda value: value != old))
    changed = list(rows)
    changed[number] = (*rows[number][:place], new, *rows[number][place + 1 :])
    assert digest(arrow_table(name, changed)) != digest(arrow_table(name, rows))


@each_table
@quick
@given(data=st.data())
def test_the_digest_is_the_same_however_the_rows_are_cut(name: str, data: st.DataObject) -> None:
    rows = data.draw(rows_of(name).filter(lambda rows: len(rows) > 1))
    whole = arrow_table(name, rows)
    cut = data.draw(st.integers(0, len(rows)))
    sliced = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    built = pa.concat_tables([arrow_table(name, rows[:cut]), arrow_table(name, rows[cut:])])
    assert digest(sliced) == digest(built) == digest(whole)


def test_the_digest_of_a_file_is_that_of_the_table_it_was_written_from() -> None:
    values: Row = (600, "far", 0.5, True, 1_000.0, 60, 7.0, 6.0, 300.0, 5.0, 2)
    values += (0.5,) * (len(SCHEMAS["chains"].columns) - len(values))
    nothing = (None,) * len(values)
    # A missing value has a place in memory, too; what stands there must not count.
    table = arrow_table("chains", [values, nothing, values, nothing, nothing, values])
    assert digest(pq.read_table(io.BytesIO(through_parquet(table)))) == digest(table)


def test_the_digests_in_a_manifest_can_be_checked_against_the_files(run: RunResults) -> None:
    found = {
        name: {"rows": table.num_rows, "digest": digest(table)}
        for name in SCHEMAS
        for table in [pq.read_table(run.folder / f"{name}.parquet")]
    }
    assert found == run.manifest.tables


ROWS: list[Row] = [(0, 1_000.0, "far"), (60, None, "near"), (120, 998.5, None)]


def steps(rows: Sequence[Row]) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Return a table of chains whose other columns are missing."""
    missing = (None,) * (len(SCHEMAS["chains"].columns) - 4)
    return arrow_table("chains", [(now, name, price, None, *missing) for now, price, name in rows])


def test_the_digest_does_not_depend_on_metadata() -> None:
    table = steps(ROWS)
    bare = table.replace_schema_metadata(None)
    fields = [field.remove_metadata() for field in table.schema]
    barest = pa.Table.from_arrays(table.columns, schema=pa.schema(fields))
    assert table.schema.metadata
    assert table.schema.field("second").metadata
    assert digest(bare) == digest(barest) == digest(table)


def test_the_digest_depends_on_the_order_of_rows_and_on_names() -> None:
    table = steps(ROWS)
    assert digest(steps(ROWS[::-1])) != digest(table)
    names = ["time", *table.column_names[1:]]
    assert digest(table.rename_columns(names)) != digest(table)


def test_a_missing_number_is_not_zero() -> None:
    assert digest(steps([(None, None, None)])) != digest(steps([(0, 0.0, None)]))


def test_members_of_enumerations_are_written_as_the_text_they_stand_for() -> None:
    shock = ChannelHalt(kind="channel_halt", channels=("to_far",), at_hours=0.0, duration_hours=1.0)
    table = arrow_table("tokens", [(shock.kind, 1, 2)])
    assert table.to_pylist() == [{"token": "channel_halt", "issued": 1, "held": 2}]


def test_a_recorder_keeps_rows_in_order_and_gives_every_table() -> None:
    recorder = Recorder()
    recorder.add("tokens", "USDC", 5, 5)
    recorder.add("tokens", "ETH", 7, 7)
    tables = arrow_tables(recorder)
    assert list(tables) == list(SCHEMAS)
    assert [row["token"] for row in tables["tokens"].to_pylist()] == ["USDC", "ETH"]
    assert tables["steps"].num_rows == 0


def test_a_recorder_keeps_what_is_asked_for_and_what_outcomes_are_made_of() -> None:
    recorder = Recorder(("tokens",))
    recorder.add("tokens", "USDC", 5, 5)
    recorder.add("cuts", 3, "socialised", 1.0)
    assert list(arrow_tables(recorder)) == [
        name for name in SCHEMAS if name in ("runs", "steps", "tokens")
    ]
    assert recorder.rows["cuts"] == []
    assert recorder.keeps("cuts", "tokens")
    assert not recorder.keeps("cuts")


def test_what_was_not_recorded_is_not_nothing() -> None:
    recorder = Recorder(("tokens",))
    assert recorder.column("tokens", "token") == []
    with pytest.raises(ValueError, match="trades was not recorded"):
        recorder.column("trades", "lots")


def test_one_text_is_no_list_of_tables() -> None:
    with pytest.raises(ValueError, match="tables is the text 'trades'; it must be a list"):
        Recorder("trades")


def test_a_table_that_no_run_has_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        ValueError, match="tables has 'tradse'; no run has it; did you mean 'trades'"
    ):
        Recorder(("steps", "tradse"))


def test_a_recorder_refuses_a_row_of_another_length() -> None:
    with pytest.raises(ValueError, match="tokens has 3 columns, a row came with 2"):
        Recorder().add("tokens", "USDC", 5)
