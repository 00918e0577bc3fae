"""Reads the folder of a study: many runs, as lazy tables, while a sweep may still be writing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from abm.errors import ResultsError
from abm.recording.manifest import Manifest
from abm.recording.results import RunResults
from abm.recording.schemas import SCHEMAS

STUDY = "study.json"
RUNS = "runs.parquet"
FAILURES = "failures.parquet"
FAILED = "failed"
SHARDS = "shards"
LOG = "finished.jsonl"
FACTOR = "factor "
PAIR = "without_shocks."

# Of a sweep that writes a folder for each run, so many are read while it runs.
MOST_SHARDS = 500


@dataclass(frozen=True)
class Progress:
    """How far a study has come, in runs."""

    planned: int
    finished: int
    failed: int

    @property
    def left(self) -> int:
        """Runs that have not ended."""
        return max(self.planned - self.finished - self.failed, 0)

    def __str__(self) -> str:
        """Say it in a sentence."""
        return (
            f"{self.finished:,} of {self.planned:,} runs finished, {self.failed:,} failed, "
            f"{self.left:,} left"
        )


class StudyResults:
    """The runs of a study and the tables that it keeps, read when asked for.

    Parameters
    ----------
    folder : Path
        The folder of the study.
    note : dict
        What its `study.json` says.
    """

    def __init__(self, folder: Path, note: dict[str, Any]) -> None:
        self.folder = folder
        self.note = note

    @property
    def name(self) -> str:
        """Name of the study."""
        return str(self.note["name"])

    @property
    def question(self) -> str:
        """What the study asks."""
        return str(self.note["question"])

    def scan_runs(self) -> pl.LazyFrame:
        """Return one row for each finished run, to be read as far as it is needed.

        A run that no sweep has gathered yet has its outcomes, and neither place nor factors.

        Raises
        ------
        ResultsError
            If no run is finished yet, or a file cannot be read.
        """
        parts = [pl.scan_parquet(self.folder / RUNS)] if (self.folder / RUNS).is_file() else []
        parts += self._scan_shards()
        if not parts:
            raise ResultsError(self.folder, "no run is finished yet; run the study to its end")
        return parts[0] if len(parts) == 1 else pl.concat(parts, how="diagonal_relaxed")

    def _scan_shards(self) -> list[pl.LazyFrame]:
        """Return what workers of a running sweep have written of outcomes."""
        shards = self.folder / SHARDS
        batches = sorted(shards.glob(f"*.{RUNS}"))
        if batches:
            return [pl.scan_parquet(batches)]
        runs = [path for path in sorted(shards.glob(f"*/{RUNS}")) if path.parent.name[0] != "."]
        return [
            pl.scan_parquet(path)
            .with_columns(pl.col(pl.Categorical).cast(pl.String))
            .with_columns(run_id=pl.lit(path.parent.name))
            for path in runs[:MOST_SHARDS]
        ]

    def progress(self) -> Progress:
        """Return how far the study has come; another process may be running it."""
        finished = {
            str(path.name) for path in (self.folder / SHARDS).glob("[!.]*") if path.is_dir()
        }
        failed = {path.stem for path in (self.folder / FAILED).glob("*.json")}
        for line in self._log():
            finished |= set(line.get("finished", ()))
            failed |= set(line.get("failed", ()))
        if (self.folder / RUNS).is_file():
            gathered = self._read(pl.scan_parquet(self.folder / RUNS).select("run_id"))
            count = len(gathered)
            # Names are compared only where a log may name what is gathered already.
            if finished or failed:
                names = set(gathered["run_id"].to_list())
                finished, failed = finished - names, failed - names
        else:
            count = 0
        if (self.folder / FAILURES).is_file():
            noted = self._read(pl.scan_parquet(self.folder / FAILURES).select("run_id"))
            failed |= set(noted["run_id"].to_list())
        planned = self.note.get("planned", len(self.note.get("runs", ())))
        return Progress(int(planned), count + len(finished), len(failed - finished))

    def _log(self) -> list[dict[str, Any]]:
        """Return the whole lines of the log of a running sweep."""
        try:
            text = (self.folder / LOG).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return []
        lines = []
        for line in text.splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue  # torn off by a kill; its runs are run again
        return [line for line in lines if isinstance(line, dict)]

    def failures(self, most: int) -> list[dict[str, Any]]:
        """Return the notes of runs that failed, at most so many: run, seed, error and so on."""
        notes: list[dict[str, Any]] = []
        for path in sorted((self.folder / FAILED).glob("*.json"))[:most]:
            try:
                notes.append(dict(json.loads(path.read_text(encoding="utf-8"))))
            except (OSError, ValueError, TypeError):
                notes.append({"run_id": path.stem, "error": "its note cannot be read"})
        if (self.folder / FAILURES).is_file():
            notes += pl.scan_parquet(self.folder / FAILURES).head(most).collect().to_dicts()
        return notes[:most]

    @cached_property
    def columns(self) -> dict[str, pl.DataType]:
        """The columns of the runs: their place, factors, outcomes, outcomes of their pairs."""
        try:
            return dict(self.scan_runs().collect_schema())
        except (OSError, pl.exceptions.PolarsError) as error:
            raise ResultsError(self.folder, f"{RUNS} cannot be read: {error}") from error

    def frame(self, *columns: str) -> pl.DataFrame:
        """Return some columns of the runs; of those named, the ones that are there."""
        names = [name for name in dict.fromkeys(columns) if name in self.columns]
        return self._read(self.scan_runs().select(names))

    def _read(self, frame: pl.LazyFrame) -> pl.DataFrame:
        try:
            return frame.collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise ResultsError(self.folder, f"its tables cannot be read: {error}") from error

    @property
    def runs(self) -> pl.DataFrame:
        """One row for each gathered run: its factors, then its outcomes."""
        return self.frame(*self.columns)

    @cached_property
    def run_count(self) -> int:
        """Number of finished runs whose outcomes can be read."""
        try:
            runs = self.scan_runs()
        except ResultsError:
            return 0
        return int(self._read(runs.select(pl.len())).item())

    @property
    def factors(self) -> tuple[str, ...]:
        """Columns of `runs` that hold factors."""
        return tuple(name for name in self.columns if name.startswith(FACTOR))

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables that are there."""
        return tuple(name for name in SCHEMAS if self._files(name))

    def table(self, name: str) -> pl.LazyFrame:
        """Return one table of all runs, to be read as far as it is needed.

        Raises
        ------
        ResultsError
            If the study does not keep it.
        """
        files = self._files(name)
        if not files:
            raise ResultsError(self.folder, f"the study keeps no table {name!r}")
        return pl.scan_parquet(files)

    def _files(self, name: str) -> list[Path]:
        """Return the files of a table: one, or many in a folder of its name."""
        if name not in SCHEMAS:
            return []
        single = self.folder / f"{name}.parquet"
        return [single] if single.is_file() else sorted((self.folder / name).glob("*.parquet"))

    def run(self, run_id: str) -> StudyRun:
        """Return one gathered run.

        Raises
        ------
        ResultsError
            If there is no such run.
        """
        rows = self._read(self.scan_runs().filter(pl.col("run_id") == run_id))
        if rows.is_empty():
            raise ResultsError(self.folder, "there is no run of this name in the study")
        return StudyRun(self, rows.row(0, named=True))

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        rows = self.scan_runs().head(20).collect()._repr_html_() if self.run_count else ""
        return f"<b>{escape(self.name)}</b><p>{escape(self.question)}</p>{self.progress()}{rows}"

    def __repr__(self) -> str:
        """Return a line that says which study this is."""
        return f"<study {self.name} in {self.folder}>"


class StudyRun(RunResults):
    """One run of a study: its row, and its part of the tables that the study keeps.

    Parameters
    ----------
    study : StudyResults
        Where it stands.
    row : dict
        Its row of the study's `runs`.
    scenario : dict, optional
        Its scenario with all defaults, where it is known; empty if not given.
    """

    def __init__(
        self, study: StudyResults, row: dict[str, Any], scenario: dict[str, Any] | None = None
    ) -> None:
        self.study = study
        self.row = row
        versions = study.note.get("versions") or {}
        card = Manifest(row["run_id"], "", scenario or {}, dict(versions), "", {})
        super().__init__(study.folder, card)

    def has(self, name: str) -> bool:
        """Say whether the study keeps a table."""
        return name == "runs" or name in self.study.tables()

    def table(self, name: str) -> pl.DataFrame:
        """Return the run's part of one table.

        Raises
        ------
        ResultsError
            If the study does not keep it, or its file cannot be read.
        """
        if name not in self._frames:
            try:
                self._frames[name] = self._read(name)
            except (OSError, pl.exceptions.PolarsError) as error:
                raise ResultsError(self.folder, f"{name} cannot be read: {error}") from error
        return self._frames[name]

    def _read(self, name: str) -> pl.DataFrame:
        if name == "runs":
            own = [key for key in self.row if key in SCHEMAS["runs"].names]
            return pl.DataFrame(
                {key: [self.row[key]] for key in own},
                schema={key: self.study.columns[key] for key in own},
            )
        part = self.study.table(name).filter(pl.col("run_id") == self.manifest.run_id)
        return part.drop("run_id").collect()

    @cached_property
    def counterfactual(self) -> RunResults | None:
        """The same run without its shocks, of which a study keeps the outcomes alone."""
        names = [name for name in self.row if name.startswith(PAIR)]
        if not names or self.row[names[0]] is None:
            return None
        return _Pair(self, {name.removeprefix(PAIR): self.row[name] for name in names})

    @property
    def left_out_shocks(self) -> tuple[str, ...]:
        """Names of the shocks that the counterfactual ran without, as far as they are known."""
        return tuple(self.manifest.scenario.get("shocks", ()))

    def __repr__(self) -> str:
        """Return a line that says which run this is."""
        return f"<run {self.manifest.run_id} of the study {self.study.name}>"


class _Pair(StudyRun):
    """The counterfactual of a study's run: its outcomes."""

    def __init__(self, run: StudyRun, outcome: dict[str, Any]) -> None:
        super().__init__(run.study, {"run_id": run.manifest.run_id, **outcome})

    def has(self, name: str) -> bool:
        """Say whether it is the row of outcomes."""
        return name == "runs"

    def _read(self, name: str) -> pl.DataFrame:
        if name != "runs":
            raise ResultsError(self.folder, f"a study keeps no {name} of counterfactuals")
        schema = self.study.columns
        own = [key for key in self.row if key in SCHEMAS["runs"].names]
        return pl.DataFrame(
            {key: [self.row[key]] for key in own},
            schema={key: schema[PAIR + key] for key in own},
        )


def read_study(folder: str | Path) -> StudyResults:
    """Open the folder of a study.

    Parameters
    ----------
    folder : str or Path
        What ``abm sweep`` wrote, or is writing.

    Raises
    ------
    ResultsError
        If the folder holds no study, or its note is damaged.
    """
    place = Path(folder)
    path = place / STUDY
    if not path.is_file():
        raise ResultsError(place, f"there is no {STUDY}; is this the folder of a study?")
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(
            place, f"{STUDY} cannot be read ({error}); run the study anew"
        ) from error
    if not isinstance(note, dict) or not all(
        isinstance(note.get(key), str) for key in ("name", "question")
    ):
        raise ResultsError(place, f"{STUDY} lacks name or question; run the study anew")
    return StudyResults(place, note)
