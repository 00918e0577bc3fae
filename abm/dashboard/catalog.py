"""What a folder of results holds, and the opening of it: never anything outside the folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from abm.errors import AbmError, ResultsError
from abm.recording.files import MANIFEST
from abm.recording.results import RunResults, read_results
from abm.recording.study import STUDY, Progress, StudyResults, read_study
from abm.units import format_usd

if TYPE_CHECKING:
    from pathlib import Path

# Folders this deep below the one that is shown are looked through.
DEEPEST = 4
# So many entries are listed; more would be no list to choose from.
MOST_ENTRIES = 2_000
WORST = "bad_debt_usd"


@dataclass(frozen=True)
class Entry:
    """A run or a study in the folder.

    Attributes
    ----------
    place : str
        Its folder, relative to the one that is shown; ``.`` is that one.
    kind : str
        ``run`` or ``study``.
    """

    place: str
    kind: str

    @property
    def label(self) -> str:
        """What a list calls it."""
        name = "this folder" if self.place == "." else self.place
        return f"{name} ({self.kind})"


@dataclass(frozen=True, eq=False)
class Selection:
    """What a page shows: an entry opened, or the problem that keeps it from being opened.

    Attributes
    ----------
    entry : Entry or None
    results : RunResults or None
        The chosen run; of a study the one that was asked for, or the one of the largest loss.
    study : StudyResults or None
    problem : str
        Why there is nothing to show, and what to do; empty where there is.
    progress : Progress or None
        How far a study has come; None for a run.
    """

    entry: Entry | None
    results: RunResults | None = None
    study: StudyResults | None = None
    problem: str = ""
    progress: Progress | None = None

    @property
    def query(self) -> str:
        """The part of an address that leads here again."""
        if self.entry is None:
            return ""
        run = f"&run={self.results.manifest.run_id}" if self.study and self.results else ""
        return f"?at={self.entry.place}{run}"


class Catalog:
    """The runs and studies under one folder.

    Parameters
    ----------
    root : Path
        The folder that is shown. Nothing outside of it is ever opened.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def entries(self) -> list[Entry]:
        """Return the runs and studies of the folder, by their place."""
        if not self.root.is_dir():
            return []
        found: list[Entry] = []
        self._look(self.root, 0, found)
        return sorted(found, key=lambda entry: (entry.kind != "study", entry.place))

    def _look(self, folder: Path, depth: int, found: list[Entry]) -> None:
        if len(found) >= MOST_ENTRIES:
            return
        place = folder.relative_to(self.root).as_posix()
        if (folder / STUDY).is_file():
            found.append(Entry(place, "study"))
            return
        if (folder / MANIFEST).is_file():
            found.append(Entry(place, "run"))
            return
        if depth < DEEPEST:
            for inside in sorted(self._folders(folder)):
                self._look(inside, depth + 1, found)

    def _folders(self, folder: Path) -> list[Path]:
        try:
            inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
            return [path for path in inside if path.is_dir() and self._is_inside(path)]
        except OSError:
            return []

    def _is_inside(self, path: Path) -> bool:
        """Say whether a path, its links followed, is in the folder that is shown."""
        return path.resolve().is_relative_to(self.root)

    def folder_of(self, place: str) -> Path:
        """Return the folder of a place.

        Raises
        ------
        ResultsError
            If it is not in the folder that is shown.
        """
        try:
            folder = (self.root / place).resolve()
            inside = folder.is_relative_to(self.root) and folder.is_dir()
        except (OSError, ValueError):
            inside = False
        if not inside:
            raise ResultsError(self.root, "there is no such folder of results here")
        return folder

    def select(self, place: str | None = None, run_id: str | None = None) -> Selection:
        """Open an entry, or the first one if none is named; never raises for what it finds."""
        entries = self.entries()
        if place is None:
            if not entries:
                return Selection(None, problem=self._nothing())
            place = entries[0].place
        try:
            folder = self.folder_of(place)
            kind = "study" if (folder / STUDY).is_file() else "run"
            entry = Entry(folder.relative_to(self.root).as_posix(), kind)
            return (
                self._study(entry, folder, run_id) if kind == "study" else self._run(entry, folder)
            )
        except AbmError as error:
            return Selection(None, problem=_advice(str(error)))

    def _nothing(self) -> str:
        if not self.root.is_dir():
            return (
                f"{self.root} is no folder. Start the dashboard with the folder of a run or study."
            )
        return (
            f"{self.root} holds no run (a folder with {MANIFEST}) and no study (a folder with "
            f"{STUDY}). Make one with “abm run SCENARIO --out {self.root}/first” or "
            f"“abm sweep STUDY --out {self.root}/study”; this page looks again every few seconds."
        )

    def _run(self, entry: Entry, folder: Path) -> Selection:
        try:
            results = _opened(folder, _stamp(folder / MANIFEST))
            _ = results.outcome
        except AbmError as error:
            return Selection(entry, problem=_advice(str(error)))
        return Selection(entry, results)

    def _study(self, entry: Entry, folder: Path, run_id: str | None) -> Selection:
        try:
            study = _opened_study(folder, self.signature(entry.place))
            progress = study.progress()
            if study.run_count:
                results = _opened_run(study, run_id or worst_run(study))
                return Selection(entry, results, study, "", progress)
        except (AbmError, OSError, pl.exceptions.PolarsError) as error:
            return Selection(entry, problem=_advice(str(error)))
        if progress.failed and not progress.left:
            why = "All runs of this study failed; their errors stand on the page Overview"
        else:
            why = (
                "No run of this study is finished yet: the sweep has just begun, or was stopped. "
                "“abm sweep” goes on where it stood, and this page follows it"
            )
        return Selection(entry, None, study, f"{why}. ({progress}.)", progress)

    def signature(self, place: str | None) -> str:
        """Return what changes when an entry does, so that a page knows when to draw again."""
        if place is None:
            return "\n".join(entry.place for entry in self.entries())
        try:
            folder = self.folder_of(place)
        except ResultsError:
            return ""
        watched = [folder / MANIFEST, folder / STUDY, folder / "runs.parquet"]
        watched += [folder / "shards", folder / "failed", folder / "finished.jsonl"]
        return " ".join(str(_stamp(path)) for path in watched)


@lru_cache(maxsize=4)
def worst_run(study: StudyResults) -> str:
    """Return the run of the largest bad debt (ties: the first); any where none is recorded."""
    runs = study.frame("run_id", WORST)
    if WORST in runs.columns and len(runs.drop_nulls()):
        return str(runs["run_id"][runs[WORST].fill_null(-1.0).arg_max() or 0])
    return str(runs["run_id"][0])


def run_label(row: dict[str, object], factors: tuple[str, ...]) -> str:
    """Write what a list calls a run of a study."""
    if row.get("replicate") is None:
        place = "not gathered yet"
    else:
        point = [str(row[factor]) for factor in factors]
        place = ", ".join([*point, f"replicate {row['replicate']}"])
    loss = row.get(WORST)
    money = f": {format_usd(loss)}" if isinstance(loss, int | float) else ""
    return f"{place}{money} ({row['run_id']})"


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _opened(folder: Path, _stamp: int) -> RunResults:
    return read_results(folder)


@lru_cache(maxsize=4)
def _opened_study(folder: Path, _signature: str) -> StudyResults:
    return read_study(folder)


@lru_cache(maxsize=8)
def _opened_run(study: StudyResults, run_id: str) -> RunResults:
    return study.run(run_id)


def _advice(problem: str) -> str:
    """Add to a problem what to do about it."""
    if "not a manifest of format" in problem:
        return (
            f"{problem}. It was written by another version: run the scenario again with this one, "
            "or open it with the version that its manifest names."
        )
    if "cannot be read" in problem or "damaged" in problem:
        return f"{problem}. The file is damaged or half written: run it again into this folder."
    return f"{problem}."
