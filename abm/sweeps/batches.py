"""One batch of runs: what a worker is sent, what it writes, and the few bytes it sends back.

::

    shards/<batch>.runs.parquet        one row of outcomes for each run that ended
    shards/<batch>.failures.parquet    one row for each that failed: seed, error, scenario
    shards/<batch>.<table>.parquet     kept tables, with a column `run_id`

A batch is named by its runs, never by a process: written twice, it is the same file. It counts once
the driver has noted it, with the digest of each file.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from abm.errors import ResultsError
from abm.recording.manifest import installed_versions
from abm.recording.schemas import SCHEMAS
from abm.recording.tables import arrow_schema, arrow_table
from abm.scenario import parse_scenario
from abm.sweeps.keys import changed
from abm.sweeps.store import open_store

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder, Value
    from abm.scenario import Scenario
    from abm.simulation.run import Progress
    from abm.sweeps.goals import Stopping
    from abm.sweeps.plan import PlannedRun
    from abm.sweeps.store import Store

STUDY = "study.json"
SHARDS = "shards"
RUNS, FAILURES = "runs", "failures"
PAIR = "without_shocks"
# Tables with a row for every step or sample, which may be kept at fewer seconds.
REGULAR = ("steps", "chains", "channels", "oracles", "solvency")

# Checked scenarios that a batch keeps, of its last points.
POINTS_HELD = 15

Table = Any  # pyarrow ships no types

FAILURE_FIELDS = (
    ("seed", pa.int64(), "seed of the run"),
    ("error", pa.large_string(), "what ended it"),
    ("scenario", pa.large_string(), "the whole scenario, as JSON"),
)


class _TooLongError(Exception):
    """A run took longer than its study allows."""


@dataclass(frozen=True)
class Job:
    """What all batches of a study have in common.

    Attributes
    ----------
    place : str
        Folder or URL of the dataset.
    identity : str
        Of the study, as `abm.sweeps.plan.Plan` has it.
    versions : dict of str to str
        Of the packages that all of its runs are made with.
    base, paths : dict
        The base scenario and the keys of it that each factor changes.
    """

    place: str
    identity: str
    versions: dict[str, str]
    base: dict[str, Any]
    paths: dict[str, list[list[str]]]
    tables: tuple[str, ...]
    table_seconds: int | None
    counterfactual: bool
    time_limit_seconds: float | None
    stopping: Stopping | None


@dataclass(frozen=True)
class Order:
    """One run, as little as a worker needs to know of it."""

    run_id: str
    point: int
    replicate: int
    seed: int
    factors: dict[str, Any]

    @classmethod
    def of(cls, run: PlannedRun) -> Order:
        """Return the order of a planned run."""
        return cls(run.run_id, run.point, run.replicate, run.seed, run.factors)


@dataclass(frozen=True, eq=False)
class Batch:
    """Runs that one worker does in turn and writes at once."""

    job: Job
    orders: tuple[Order, ...]

    @property
    def name(self) -> str:
        """Name of the batch's files, by its runs."""
        return hashlib.sha256(" ".join(order.run_id for order in self.orders).encode()).hexdigest()[
            :16
        ]


@dataclass(frozen=True)
class Record:
    """What the driver notes of a batch: a few bytes for each run.

    Attributes
    ----------
    batch : str
    finished, failed : list of str
        Names of runs.
    outcomes : list of float or None
        Of the finished runs, what decides when to stop; empty if nothing does.
    files : dict of str to str
        SHA-256 of each file by table.
    seconds : float
        What the batch took.
    """

    batch: str
    finished: list[str]
    failed: list[str]
    outcomes: list[float | None]
    files: dict[str, str]
    seconds: float

    def to_line(self) -> bytes:
        """Return the record as a line of the log."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def from_line(cls, line: bytes) -> Record | None:
        """Read a record back; a line that is damaged is none, and its runs are run again."""
        try:
            return cls(**json.loads(line))
        except (ValueError, TypeError):
            return None


def run_batch(batch: Batch) -> Record:
    """Run all runs of a batch, write their tables, and return what to note.

    Raises
    ------
    ResultsError
        If this worker does not see the study's folder, or has other versions.
    OSError
        If the files cannot be written.
    """
    # A driver, which runs nothing itself, does without the simulator and its libraries.
    from abm.simulation.run import simulate  # noqa: PLC0415

    job, start = batch.job, time.monotonic()
    store = _checked_store(job.place, job.identity, json.dumps(job.versions, sort_keys=True))
    tables = _Tables(job)
    parsed: dict[int, Scenario] = {}
    for order in batch.orders:
        # With few points, replicates come back to the same ones: each is checked once.
        if order.point not in parsed:
            tables_of_point = changed(job.base, job.paths, order.factors)
            parsed = dict(list(parsed.items())[-POINTS_HELD:])
            parsed[order.point] = parse_scenario(tables_of_point)
        scenario = parsed[order.point].model_copy(update={"seed": order.seed})
        watch = _watch(job.time_limit_seconds)
        try:
            recorder = simulate(scenario, watch, tables=job.tables)
            pair = (
                simulate(scenario.without_shocks(), watch, tables=())
                if job.counterfactual
                else None
            )
        except Exception as error:  # noqa: BLE001 - whatever ends a run is noted, the others go on
            tables.add_failure(order, scenario, f"{type(error).__name__}: {error}")
        else:
            tables.add(order, recorder, pair)
    return tables.write(store, batch.name, start)


def note_deaths(batch: Batch, deaths: int) -> Record:
    """Write, for a worker that cannot, that its batch of one run ended it each time."""
    tables, job = _Tables(batch.job), batch.job
    for order in batch.orders:
        scenario = parse_scenario(changed(job.base, job.paths, order.factors))
        seeded = scenario.model_copy(update={"seed": order.seed})
        tables.add_failure(order, seeded, f"its worker died {deaths} times")
    return tables.write(open_store(job.place), batch.name, time.monotonic())


@lru_cache(maxsize=8)
def _checked_store(place: str, identity: str, versions: str) -> Store:
    """Return the store of a study once it is clear that it is the one the driver means."""
    store = open_store(place)
    try:
        held = json.loads(store.read(STUDY))
    except (OSError, ValueError) as error:
        reason = "a worker does not see this folder; give one that all share, or a URL"
        raise ResultsError(place, reason) from error
    if held["identity"] != identity:
        raise ResultsError(place, "a worker sees another study there; do all see the same folder?")
    here, there = installed_versions(), json.loads(versions)
    for name, wanted in there.items():
        if here.get(name) != wanted:
            raise ResultsError(place, f"a worker has {name} {here.get(name)}, the driver {wanted}")
    return store


class _Tables:
    """The rows of a batch, until they are written."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.finished: list[Order] = []
        self.failed: list[Order] = []
        self.outcomes: list[list[Value]] = []
        self.failures: list[tuple[Value, ...]] = []
        self.kept: dict[str, list[Table]] = {name: [] for name in job.tables}

    def add(self, order: Order, recorder: Recorder, pair: Recorder | None) -> None:
        """Take what a run left."""
        self.finished.append(order)
        recorders = [recorder] if pair is None else [recorder, pair]
        self.outcomes.append([value for part in recorders for value in part.rows[RUNS][0]])
        for name, parts in self.kept.items():
            rows = recorder.rows[name]
            if self.job.table_seconds is not None and name in REGULAR:
                rows = [row for row in rows if int(row[0] or 0) % self.job.table_seconds == 0]
            table = plain_text(arrow_table(name, rows))
            names = pa.array([order.run_id] * table.num_rows, pa.string())
            parts.append(table.add_column(0, RUN_ID, names))

    def add_failure(self, order: Order, scenario: Scenario, error: str) -> None:
        """Take why a run failed, with all that is needed to run it again."""
        self.failed.append(order)
        text = json.dumps(scenario.model_dump(mode="json"), sort_keys=True)
        self.failures.append((order.seed, error, text))

    def write(self, store: Store, name: str, start: float) -> Record:
        """Write a file for each table that has rows."""
        tables = {}
        if self.finished:
            tables[RUNS] = _rows(self.finished, self.outcomes, outcome_fields(self.job))
        if self.failed:
            tables[FAILURES] = _rows(self.failed, self.failures, failure_fields())
        tables |= {name: pa.concat_tables(parts) for name, parts in self.kept.items() if parts}
        files = {}
        for table, content in tables.items():
            sink = pa.BufferOutputStream()
            pq.write_table(content, sink, compression="zstd")
            files[table] = hashlib.sha256(sink.getvalue()).hexdigest()
            store.write(shard_name(name, table), sink.getvalue().to_pybytes())
        return Record(
            name,
            [order.run_id for order in self.finished],
            [order.run_id for order in self.failed],
            self._deciding_outcomes(),
            files,
            round(time.monotonic() - start, 3),
        )

    def _deciding_outcomes(self) -> list[float | None]:
        if self.job.stopping is None:
            return []
        place = SCHEMAS[RUNS].names.index(self.job.stopping.outcome)
        return [None if row[place] is None else float(row[place] or 0) for row in self.outcomes]


RUN_ID = pa.field("run_id", pa.string(), metadata={"unit": "", "meaning": "name of the run"})


def shard_name(batch: str, table: str) -> str:
    """Return the name of a batch's file of one table."""
    return f"{SHARDS}/{batch}.{table}.parquet"


def outcome_fields(job: Job) -> list[Any]:
    """Return the Arrow fields of a run's outcomes and, beside them, of its counterfactual's."""
    return list(_outcome_fields(job.counterfactual))


@lru_cache(maxsize=2)
def _outcome_fields(counterfactual: bool) -> tuple[Any, ...]:  # noqa: FBT001 - a cache's key
    fields = tuple(plain_text(arrow_schema(SCHEMAS[RUNS]).empty_table()).schema)
    pair = tuple(field.with_name(f"{PAIR}.{field.name}") for field in fields)
    return fields + pair if counterfactual else fields


def failure_fields() -> list[Any]:
    """Return the Arrow fields of a failed run."""
    return [
        pa.field(name, kind, metadata={"unit": "", "meaning": meaning})
        for name, kind, meaning in FAILURE_FIELDS
    ]


def _rows(orders: list[Order], rows: list[Any], fields: list[Any]) -> Table:
    names = pa.array([order.run_id for order in orders], pa.string())
    columns = [
        pa.array([str(value) if isinstance(value, str) else value for value in column], field.type)
        for column, field in zip(zip(*rows, strict=True), fields, strict=True)
    ]
    return pa.Table.from_arrays([names, *columns], schema=pa.schema([RUN_ID, *fields]))


def plain_text(table: Table) -> Table:
    """Return a table whose text is no dictionary, since those of two runs differ."""
    fields = [
        pa.field(field.name, pa.large_string(), metadata=field.metadata)
        if pa.types.is_dictionary(field.type) or pa.types.is_string(field.type)
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields, metadata=table.schema.metadata))


def _watch(seconds: float | None) -> Progress | None:
    """Return what a run tells of its steps, to end it when its time is over."""
    if seconds is None:
        return None
    end = time.monotonic() + seconds

    def check(_: int) -> None:
        if time.monotonic() > end:
            raise _TooLongError(f"longer than {seconds:g} s")

    return check
