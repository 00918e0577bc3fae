"""The queries that the README shows run on a study's dataset, each in its own tool."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from abm.sweeps import load_study, plan_study, run_study

README = Path(__file__).parents[2] / "README.md"
SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"
SHOWN = "results/halt_length"
STUDY = f"""
name = "halt_length"
question = "Is the dataset as the README says?"
scenario = "{SMALL_CRASH}"
changes = ["clock.hours=1", "shocks.gas.at_hours=0.25", "shocks.far_halt.at_hours=0.25"]
replicates = 2
counterfactual = true
tables = ["liquidations"]

[factors."shocks.*.duration_hours"]
values = [0.25, 0.5]

[factors."liquidation.close_out"]
values = ["on_proceeds", "at_once"]
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small study with the factors of the one that is shipped."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    run_study(plan_study(load_study(folder / "study.toml")), folder / "halt_length")
    return folder / "halt_length"


def shown_queries() -> list[tuple[str, str]]:
    """Return the language and text of every block of the README that reads the dataset."""
    blocks = re.findall(r"```(python|sql)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return [(language, text) for language, text in blocks if SHOWN in text]


def test_the_readme_shows_a_query() -> None:
    assert shown_queries()


@pytest.mark.parametrize(("language", "text"), shown_queries())
def test_a_query_of_the_readme_runs(dataset: Path, language: str, text: str) -> None:
    query = text.replace(SHOWN, str(dataset))
    if language == "sql":
        duckdb: Any = pytest.importorskip("duckdb", reason="duckdb is not installed")
        assert duckdb.sql(query).fetchall()
        return
    if "import pandas" in text:
        pytest.importorskip("pandas", reason="pandas is not installed")
    exec(query, {})  # noqa: S102 - the README's own text


def test_the_same_query_has_the_same_answer_in_all_three(dataset: Path) -> None:
    duckdb: Any = pytest.importorskip("duckdb", reason="duckdb is not installed")
    pandas: Any = pytest.importorskip("pandas", reason="pandas is not installed")
    file, table = dataset / "runs.parquet", dataset / "liquidations" / "*.parquet"
    by = "factor liquidation.close_out"
    expected = dict(pl.read_parquet(file).group_by(by).agg(pl.mean("bad_debt_usd")).rows())
    found = duckdb.sql(f"SELECT \"{by}\", avg(bad_debt_usd) FROM '{file}' GROUP BY ALL").fetchall()  # noqa: S608
    assert dict(found) == pytest.approx(expected)
    frame = pandas.read_parquet(file).groupby(by)["bad_debt_usd"].mean()
    assert frame.to_dict() == pytest.approx(expected)
    # A kept table joins the runs by their name.
    joined = duckdb.sql(
        f"SELECT count(*) FROM '{table}' JOIN '{file}' USING (run_id)"  # noqa: S608
    ).fetchall()
    kept = pandas.read_parquet(dataset / "liquidations")
    assert joined[0][0] == len(kept) == pl.read_parquet(table).height > 0


def test_columns_carry_units_meanings_and_statistics(dataset: Path) -> None:
    for name in ("runs.parquet", "liquidations/00000.parquet"):
        file = pq.ParquetFile(dataset / name)
        assert all(b"meaning" in field.metadata for field in file.schema_arrow)
        column = file.metadata.row_group(0).column(1)
        assert column.compression == "ZSTD"
        assert column.statistics.has_min_max
    fields = pq.read_schema(dataset / "runs.parquet")
    assert fields.field("bad_debt_usd").metadata[b"unit"] == b"USD"
    assert fields.field("factor shocks.*.duration_hours").metadata[b"unit"] == b"hours"
    assert fields.metadata[b"study"] == b"halt_length"
