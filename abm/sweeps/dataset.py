"""The dataset of a study: what workers wrote, then few large files.

::

    <place>/study.json                what the place belongs to, and which files are gathered
    <place>/finished.jsonl            the log: a line for each batch that a worker wrote
    <place>/shards/                   files of batches, until they are gathered
    <place>/runs.parquet              one row for each run, with its factors
    <place>/failures.parquet          one row for each run that failed: seed, error, scenario
    <place>/<table>/00000.parquet ... the kept tables of all runs, with a column `run_id`

The place is a folder or a URL. A killed study goes on where it stood, and ends with the same bytes
as one that was not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from abm.errors import ResultsError
from abm.scenario import parse_scenario
from abm.sweeps.batches import FAILURES, RUNS, STUDY, Job, Record
from abm.sweeps.plan import Plan, plan_study
from abm.sweeps.store import LocalStore, Store, open_parquet, open_store
from abm.sweeps.study import Study

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from abm.sweeps.plan import RunIds

LOG = "finished.jsonl"
GATHERING = "gathering"
READY = f"{GATHERING}/ready.json"

Note = dict[str, Any]

NO_RUNS = np.array([], dtype=np.uint64)


@dataclass(frozen=True)
class StudyStatus:
    """How far a study has come.

    Attributes
    ----------
    planned, finished, failed : int
        Runs.
    spared : int
        Runs that the study's rule of stopping made needless.
    seconds_per_run : float or None
        On one worker, of what is not gathered yet; None where nothing is.
    """

    name: str
    question: str
    planned: int
    finished: int
    failed: int
    spared: int = 0
    seconds_per_run: float | None = None

    @property
    def left(self) -> int:
        """Runs that have not ended."""
        return self.planned - self.finished - self.failed - self.spared


@dataclass(frozen=True, eq=False)
class Shard:
    """One batch in the log."""

    batch: str
    finished: RunIds
    failed: RunIds
    outcomes: tuple[float | None, ...]
    files: dict[str, str]
    seconds: float


@dataclass(eq=False)
class Held:
    """The runs that stand in a dataset, gathered or not."""

    gathered: RunIds
    gathered_failed: RunIds
    shards: dict[str, Shard]

    @property
    def finished(self) -> RunIds:
        """Names of all runs that ended well."""
        return _joined([self.gathered, *(shard.finished for shard in self.shards.values())])

    @property
    def failed(self) -> RunIds:
        """Names of all runs that failed, and did not end well when they were run again."""
        failed = _joined([self.gathered_failed, *(s.failed for s in self.shards.values())])
        return np.setdiff1d(failed, self.finished)

    def add(self, record: Record) -> None:
        """Take a batch that was written."""
        self.shards[record.batch] = Shard(
            record.batch,
            as_numbers(record.finished),
            as_numbers(record.failed),
            tuple(record.outcomes),
            record.files,
            record.seconds,
        )


def _joined(parts: list[RunIds]) -> RunIds:
    return np.unique(np.concatenate(parts))


def as_numbers(names: Iterable[str]) -> RunIds:
    """Return names of runs as numbers: eight bytes each."""
    return np.array([int(name, 16) for name in names], dtype=np.uint64)


def job_of(plan: Plan, store: Store) -> Job:
    """Return what all batches of a plan have in common."""
    study = plan.study
    place = str(store.folder) if isinstance(store, LocalStore) else store.place
    return Job(
        place,
        plan.identity,
        plan.versions,
        plan.data,
        plan.paths,
        study.tables,
        study.table_seconds,
        study.counterfactual,
        study.time_limit_seconds,
        study.stopping,
    )


def open_dataset(store: Store, plan: Plan) -> Held:
    """Make a study's place, or check that the one there belongs to it; return what it holds.

    Raises
    ------
    ResultsError
        If the place holds something else, another study's runs, or runs of other versions.
    """
    gathered: Note = {"files": {}, "spared": 0}
    if store.size(STUDY) is not None:
        settle(store)
        held = read_note(store)
        _check_same(store, held, plan)
        gathered = held["gathered"]
    elif store.names():
        raise ResultsError(store.place, "it is not empty and holds no study; choose another folder")
    found = read_held(store, gathered)
    strangers = np.setdiff1d(_joined([found.gathered, found.gathered_failed]), plan.ids)
    if strangers.size:
        raise ResultsError(
            store.place,
            f"it holds {strangers.size} runs that the study no longer plans, with fewer levels or "
            "replicates than before; choose another folder",
        )
    write_note(store, plan, gathered)
    return found


def _check_same(store: Store, held: Note, plan: Plan) -> None:
    if held["identity"] != plan.identity:
        raise ResultsError(
            store.place,
            f"it holds runs of another study or base scenario ({held['name']}); "
            "choose another folder",
        )
    there, here = held["versions"], plan.versions
    other = [name for name in sorted({*there, *here}) if there.get(name) != here.get(name)]
    if other:
        differ = ", ".join(f"{name} {there.get(name)}, here {here.get(name)}" for name in other)
        raise ResultsError(
            store.place,
            f"its runs were made with other versions ({differ}); results of two versions are not "
            "mixed: install those, or choose another folder",
        )


def write_note(store: Store, plan: Plan, gathered: Note) -> None:
    """Say what the place belongs to, and which files are gathered there."""
    note = {
        "name": plan.study.name,
        "question": plan.study.question,
        "identity": plan.identity,
        "versions": plan.versions,
        "planned": plan.run_count,
        "study": plan.study.model_dump(mode="json"),
        "base": plan.data,
        "gathered": gathered,
    }
    _write_note(store, note)


def _write_note(store: Store, note: Note) -> None:
    # Not sorted: points are numbered in the order of the factors, which others read from here.
    store.write(STUDY, (json.dumps(note, indent=2) + "\n").encode())


def read_note(store: Store) -> Note:
    """Return what a place says of itself.

    Raises
    ------
    ResultsError
        If there is no study, or its note is damaged.
    """
    keys = ("name", "question", "identity", "versions", "planned", "study", "base", "gathered")
    try:
        note = json.loads(store.read(STUDY))
        return {key: note[key] for key in keys}
    except FileNotFoundError as error:
        reason = f"there is no {STUDY}; is this the folder of a study?"
        raise ResultsError(store.place, reason) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"{STUDY} cannot be read ({error}); run the study anew"
        raise ResultsError(store.place, reason) from error


def planned_runs(place: str | Path) -> int:
    """Return how many runs the study at a place plans; 0 where there is none."""
    store = open_store(place)
    return int(read_note(store)["planned"]) if store.size(STUDY) is not None else 0


def plan_of(place: str | Path) -> Plan:
    """Return the plan of the study that stands at a place, from its own note."""
    note = read_note(open_store(place))
    study = Study.model_validate_json(json.dumps(note["study"]))
    return plan_study(study, parse_scenario(note["base"], f"{place}, base scenario"))


def settle(store: Store) -> None:
    """Finish a gathering that was killed after all was written, or forget one that was not."""
    if store.size(READY) is not None:
        install(store, json.loads(store.read(READY)))
    elif store.names(GATHERING):
        store.remove(GATHERING)


def install(store: Store, gathered: Note) -> None:
    """Put gathered files in their place; each step may be done again after a kill."""
    note = read_note(store)
    for name in gathered["files"]:
        store.move(f"{GATHERING}/{name}", name)
    for name in set(note["gathered"]["files"]) - set(gathered["files"]):
        store.remove(name)
    _write_note(store, {**note, "gathered": gathered})
    for leftover in ("shards", LOG, f"{LOG}.d", GATHERING):
        store.remove(leftover)


def read_held(store: Store, gathered: Note) -> Held:
    """Return the runs that a place holds.

    Raises
    ------
    ResultsError
        If a gathered file is not as it was written.
    """
    for name, size in gathered["files"].items():
        if (there := store.size(name)) != size:
            reason = f"{name} is damaged: it has {there or 0:,} bytes instead of {size:,}"
            raise ResultsError(store.place, f"{reason}; bring it back, or run the study anew")
    held = Held(_gathered_ids(store, gathered, RUNS), _gathered_ids(store, gathered, FAILURES), {})
    for line in store.lines(LOG):
        record = Record.from_line(line)
        if record is not None:
            held.add(record)
        elif (dropped := _dropped(line)) is not None:
            held.shards.pop(dropped, None)
    return held


def note_dropped(store: Store, batch: str) -> None:
    """Note that a batch's files are damaged, so that its runs are run again."""
    store.append(LOG, json.dumps({"dropped": batch}).encode())


def _dropped(line: bytes) -> str | None:
    try:
        return str(json.loads(line)["dropped"])
    except (ValueError, KeyError, TypeError):
        return None


def _gathered_ids(store: Store, gathered: Note, table: str) -> RunIds:
    if f"{table}.parquet" not in gathered["files"]:
        return NO_RUNS
    with open_parquet(store, f"{table}.parquet") as file:
        # Piece by piece: a name as text takes ten times as much as its number.
        pieces = file.iter_batches(columns=["run_id"], use_threads=False)
        return np.concatenate([NO_RUNS, *(as_numbers(p["run_id"].to_pylist()) for p in pieces)])


def study_status(place: str | Path) -> StudyStatus:
    """Return how far the study at a place has come; another process may be running it.

    Raises
    ------
    ResultsError
        If there is no study.
    """
    store = open_store(place)
    note = read_note(store)
    held = read_held(store, note["gathered"])
    shards = held.shards.values()
    ended = sum(len(shard.finished) + len(shard.failed) for shard in shards)
    return StudyStatus(
        name=note["name"],
        question=note["question"],
        planned=note["planned"],
        finished=len(held.finished),
        failed=len(held.failed),
        spared=note["gathered"]["spared"],
        seconds_per_run=sum(shard.seconds for shard in shards) / ended if ended else None,
    )


def read_runs(place: str | Path) -> pl.DataFrame:
    """Return one row for each finished run of a study: its factors, then its outcomes.

    Raises
    ------
    ResultsError
        If the place holds no study, or none of its runs has been gathered yet.
    """
    return _read(place, RUNS)


def read_failures(place: str | Path) -> pl.DataFrame | None:
    """Return one row for each failed run: factors, seed, error, scenario; None if no run did.

    Raises
    ------
    ResultsError
        If the place holds no study.
    """
    store = open_store(place)
    return _read(place, FAILURES) if store.size(f"{FAILURES}.parquet") is not None else None


def _read(place: str | Path, table: str) -> pl.DataFrame:
    store = open_store(place)
    read_note(store)
    if store.size(f"{table}.parquet") is None:
        raise ResultsError(place, "no run is gathered yet; run the study to its end")
    with store.input(f"{table}.parquet") as file:
        return pl.read_parquet(file.read())
