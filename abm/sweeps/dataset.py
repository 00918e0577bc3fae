"""The dataset of a study: one shard for every finished run, then few large files.

::

    <folder>/study.json            what the folder belongs to
    <folder>/shards/<run id>/      tables of one run, until they are compacted
    <folder>/failed/<run id>.json  error, seed and factors of a run that failed
    <folder>/runs.parquet          one row for each run, with its factors
    <folder>/<table>.parquet       the kept tables of all runs, with a column `run_id`

Everything is written aside and renamed, so what stands there is whole; a killed study goes on where
it stood, and ends with the same bytes as one that was not.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from abm.errors import ResultsError
from abm.recording.files import write_text
from abm.recording.tables import arrow_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abm.recording.recorder import Recorder
    from abm.sweeps.plan import Plan, PlannedRun
    from abm.sweeps.study import Value

STUDY = "study.json"
SHARDS = "shards"
FAILED = "failed"
RUNS = "runs.parquet"
PAIR = "without_shocks"
ROWS_IN_GROUP = 100_000

PLACE = {
    "run_id": (pa.string(), "name of the run"),
    "point": (pa.int64(), "number of its point in the design"),
    "replicate": (pa.int64(), "number of the run at its point"),
}

Table = Any  # pyarrow ships no types


@dataclass(frozen=True)
class StudyStatus:
    """How far a study has come."""

    name: str
    question: str
    planned: int
    finished: int
    failed: int

    @property
    def left(self) -> int:
        """Runs that have not ended."""
        return self.planned - self.finished - self.failed


def open_dataset(folder: Path, plan: Plan) -> None:
    """Make a study's folder, or check that the one there belongs to it.

    Raises
    ------
    ResultsError
        If the folder holds something else, or another study's runs.
    """
    if folder.exists() and not folder.is_dir():
        raise ResultsError(folder, "the results of a study need a folder; this is a file")
    note = folder / STUDY
    if note.is_file():
        held = _read_note(folder)
        if held["identity"] != plan.identity:
            raise ResultsError(
                folder,
                f"it holds runs of another study or base scenario ({held['name']}); "
                "choose another folder",
            )
    elif folder.is_dir() and any(folder.iterdir()):
        raise ResultsError(folder, "it is not empty and holds no study; choose another folder")
    for part in (folder / SHARDS, folder / FAILED):
        part.mkdir(parents=True, exist_ok=True)
    names = [run.run_id for run in plan.runs()]
    strangers = gathered_ids(folder) - set(names)
    if strangers:
        raise ResultsError(
            folder,
            f"it holds {len(strangers)} runs that the study no longer plans, with fewer levels or "
            "replicates than before; choose another folder",
        )
    text = {
        "name": plan.study.name,
        "question": plan.study.question,
        "identity": plan.identity,
        "runs": names,
        "study": plan.study.model_dump(mode="json"),
    }
    write_text(note, json.dumps(text, indent=2, sort_keys=True) + "\n")


def _read_note(folder: Path) -> dict[str, Any]:
    try:
        note = json.loads((folder / STUDY).read_text(encoding="utf-8"))
        return {key: note[key] for key in ("name", "question", "identity", "runs")}
    except FileNotFoundError as error:
        raise ResultsError(
            folder, f"there is no {STUDY}; is this the folder of a study?"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            folder, f"{STUDY} cannot be read ({error}); run the study anew"
        ) from error


def gathered_ids(folder: Path) -> set[str]:
    """Return the names of the runs that are compacted."""
    if not (folder / RUNS).is_file():
        return set()
    return set(pl.read_parquet(folder / RUNS, columns=["run_id"])["run_id"].to_list())


def finished_ids(folder: Path) -> set[str]:
    """Return the names of the runs that stand in the dataset, compacted or not."""
    shards = {path.name for path in (folder / SHARDS).glob("*") if not path.name.startswith(".")}
    return shards | gathered_ids(folder)


def failed_ids(folder: Path) -> set[str]:
    """Return the names of the runs that failed."""
    return {path.stem for path in (folder / FAILED).glob("*.json")}


def write_shard(
    folder: Path, planned: PlannedRun, tables: tuple[str, ...], recorders: dict[str, Recorder]
) -> None:
    """Write the tables of one run, and of its counterfactual, so that they appear at once."""
    shards = folder / SHARDS
    aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=shards))
    try:
        for prefix, recorder in recorders.items():
            # Of the counterfactual the outcomes are kept alone.
            for name in ("runs", *(() if prefix else tables)):
                table = arrow_table(name, recorder.rows[name])
                pq.write_table(table, aside / f"{prefix}{name}.parquet", compression="zstd")
        aside.chmod(0o755)
        aside.rename(shards / planned.run_id)
    except OSError:
        # Another worker was first with the same run; its tables are the same.
        if not (shards / planned.run_id).is_dir():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_failure(folder: Path, planned: PlannedRun, error: str) -> None:
    """Note why a run failed, with all that is needed to run it again."""
    note = {
        "run_id": planned.run_id,
        "point": planned.point,
        "replicate": planned.replicate,
        "seed": planned.scenario.seed,
        "factors": planned.factors,
        "error": error,
        "scenario": planned.scenario.model_dump(mode="json"),
    }
    text = json.dumps(note, indent=2, sort_keys=True) + "\n"
    write_text(folder / FAILED / f"{planned.run_id}.json", text)


def compact(folder: Path, plan: Plan) -> None:
    """Gather all shards into few large files, ordered by point and replicate."""
    shards = folder / SHARDS
    if not any(shards.iterdir()):
        return
    finished = finished_ids(folder)
    order = [run for run in plan.runs() if run.run_id in finished]
    if not order:
        return
    order.sort(key=lambda run: (run.point, run.replicate))
    for name in plan.study.tables:
        _gather(folder, name, [run.run_id for run in order])
    old: Table = pq.read_table(folder / RUNS) if (folder / RUNS).is_file() else None
    places = _places(old) if old is not None else {}

    def outcome(run: PlannedRun) -> Table:
        if run.run_id in places:
            return _held_outcome(old.slice(places[run.run_id], 1))
        return _outcome(folder, run, plan)

    rows = (_run_row(run, plan, outcome(run)) for run in order)
    first = next(rows)
    _write_aside(folder / RUNS, first.schema, itertools.chain([first], rows))
    for run in order:
        shutil.rmtree(shards / run.run_id, ignore_errors=True)


def _places(runs: Table) -> dict[str, int]:
    """Return the row of every run that is gathered already."""
    return {name: row for row, name in enumerate(runs["run_id"].to_pylist())}


def _outcome(folder: Path, run: PlannedRun, plan: Plan) -> Table:
    """Return the outcome of a run from its shard and, beside each column, its pair's."""
    shard = folder / SHARDS / run.run_id
    outcome = _plain_text(pq.read_table(shard / "runs.parquet"))
    if plan.study.counterfactual:
        pair = _plain_text(pq.read_table(shard / f"{PAIR}.runs.parquet"))
        for field, column in zip(pair.schema, pair.columns, strict=True):
            outcome = outcome.append_column(field.with_name(f"{PAIR}.{field.name}"), column)
    return outcome


def _held_outcome(row: Table) -> Table:
    """Return the outcome from a gathered row: what stands behind its place and factors."""
    names = [name for name in row.column_names if name not in PLACE]
    return row.select([name for name in names if not name.startswith("factor ")])


def _run_row(run: PlannedRun, plan: Plan, outcome: Table) -> Table:
    """Return a run's row: its place, its factors, its outcome."""
    fields = [
        pa.field(name, kind, metadata={"unit": "", "meaning": meaning})
        for name, (kind, meaning) in PLACE.items()
    ]
    values: list[Any] = [run.run_id, run.point, run.replicate]
    for name, value in run.factors.items():
        kind = _factor_type([point[name] for point in plan.points])
        meaning = {"unit": "", "meaning": "the scenario's key of this name"}
        fields.append(pa.field(f"factor {name}", kind, metadata=meaning))
        values.append(str(value) if kind == pa.string() else value)
    arrays = [pa.array([value], field.type) for value, field in zip(values, fields, strict=True)]
    for field, column in zip(outcome.schema, outcome.columns, strict=True):
        fields.append(field)
        arrays.append(column.combine_chunks())
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _factor_type(values: list[Value]) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Return the one Arrow type that holds all values of a factor."""
    if all(isinstance(value, bool) for value in values):
        return pa.bool_()
    if any(isinstance(value, str | bool) for value in values):
        return pa.string()
    return pa.int64() if all(isinstance(value, int) for value in values) else pa.float64()


def _gather(folder: Path, name: str, order: Iterable[str]) -> None:
    """Write one table of all runs into one file, run by run, so that memory stays flat."""
    target = folder / f"{name}.parquet"

    def parts() -> Iterable[Table]:
        for identifier in order:
            shard = folder / SHARDS / identifier / f"{name}.parquet"
            if shard.is_file():
                table = pq.read_table(shard)
                column = pa.array([identifier] * table.num_rows, pa.string())
                yield _plain_text(table.add_column(0, "run_id", column))
            elif target.is_file():
                yield pq.read_table(target, filters=[("run_id", "=", identifier)])

    pieces = iter(parts())
    first = next(pieces)
    _write_aside(target, first.schema, itertools.chain([first], pieces))


def _plain_text(table: Table) -> Table:
    """Return a table whose text is no dictionary, since those of two runs differ."""
    fields = [
        pa.field(field.name, pa.large_string(), metadata=field.metadata)
        if pa.types.is_dictionary(field.type) or pa.types.is_string(field.type)
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _write_aside(target: Path, schema: Any, tables: Iterable[Table]) -> None:  # noqa: ANN401
    aside = target.with_name(f".writing-{target.name}")
    with pq.ParquetWriter(aside, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table, row_group_size=ROWS_IN_GROUP)
    aside.replace(target)


def study_status(folder: str | Path) -> StudyStatus:
    """Return how far the study in a folder has come; another process may be running it.

    Raises
    ------
    ResultsError
        If the folder holds no study.
    """
    place = Path(folder)
    note = _read_note(place)
    planned = set(note["runs"])
    finished = finished_ids(place) & planned
    return StudyStatus(
        name=note["name"],
        question=note["question"],
        planned=len(planned),
        finished=len(finished),
        failed=len((failed_ids(place) & planned) - finished),
    )


def read_runs(folder: str | Path) -> pl.DataFrame:
    """Return one row for each finished run of a study: its factors, then its outcomes.

    Raises
    ------
    ResultsError
        If the folder holds no study, or none of its runs has been gathered yet.
    """
    place = Path(folder)
    _read_note(place)
    if not (place / RUNS).is_file():
        raise ResultsError(place, "no run is gathered yet; run the study to its end")
    return pl.read_parquet(place / RUNS)
