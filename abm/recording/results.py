"""Reads the folder of a run."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from abm.errors import ResultsError
from abm.recording.files import COUNTERFACTUAL, MANIFEST
from abm.recording.manifest import Manifest
from abm.recording.schemas import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable


class RunResults:
    """The tables of one run, read when asked for.

    Parameters
    ----------
    folder : Path
        The folder of the run.
    manifest : Manifest
        Its run card.
    """

    # Filled by the room above, which knows figures: this one must not import it.
    _ways: ClassVar[dict[str, Callable[[RunResults], Any]]] = {}

    @classmethod
    def show_with(
        cls, figures: Callable[[RunResults], Any], html: Callable[[RunResults], str]
    ) -> None:
        """Say how runs show themselves; `abm.analysis.notebooks` does when it is imported."""
        cls._ways.update(figures=figures, html=html)

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._frames: dict[str, pl.DataFrame] = {}

    def table(self, name: str) -> pl.DataFrame:
        """Return one table.

        Raises
        ------
        ResultsError
            If there is no such table, or its file cannot be read.
        """
        if name not in SCHEMAS:
            raise ResultsError(self.folder, f"no table {name!r}; there are {', '.join(SCHEMAS)}")
        if name not in self._frames:
            if name not in self.manifest.tables:
                raise ResultsError(self.folder, f"the run did not record the table {name}")
            path = self.folder / f"{name}.parquet"
            try:
                self._frames[name] = pl.read_parquet(path)
            except (OSError, pl.exceptions.PolarsError) as error:
                raise ResultsError(self.folder, f"{path.name} cannot be read: {error}") from error
        return self._frames[name]

    def has(self, name: str) -> bool:
        """Say whether the run has a table: it may have recorded few, or be older than a table."""
        there = (self.folder / f"{name}.parquet").is_file()
        return name in self._frames or (name in self.manifest.tables and there)

    @property
    def outcome(self) -> dict[str, Any]:
        """The run's one row of parameters and outcomes."""
        return self.table("runs").row(0, named=True)

    @cached_property
    def counterfactual(self) -> RunResults | None:
        """The same run without its shocks, where it was run."""
        folder = self.folder / COUNTERFACTUAL
        return read_results(folder) if folder.is_dir() else None

    @property
    def left_out_shocks(self) -> tuple[str, ...]:
        """Names of the shocks that the counterfactual ran without; none where there is none."""
        pair = self.counterfactual
        kept = (
            self.manifest.scenario["shocks"] if pair is None else pair.manifest.scenario["shocks"]
        )
        return tuple(name for name in self.manifest.scenario["shocks"] if name not in kept)

    @property
    def figures(self) -> Any:  # noqa: ANN401 - of the room above
        """The figures of the run by name: ``results.figures.waterfall()``."""
        if "figures" not in self._ways:
            raise RuntimeError("import abm.analysis.notebooks before asking a run for its figures")
        return self._ways["figures"](self)

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows, where it was said how."""
        return self._ways["html"](self) if "html" in self._ways else None

    def __repr__(self) -> str:
        """Return a line that says which run this is."""
        scenario = self.manifest.scenario
        pair = " with its counterfactual" if self.counterfactual else ""
        return f"<run {self.manifest.run_id} of {scenario['name']}, seed {scenario['seed']}{pair}>"


def read_results(folder: str | Path) -> RunResults:
    """Open the folder of a run.

    Parameters
    ----------
    folder : str or Path
        What ``abm run`` wrote.

    Returns
    -------
    RunResults

    Raises
    ------
    ResultsError
        If the folder holds no run of this format.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ResultsError(folder, "there is no such folder")
    if not path.is_file():
        raise ResultsError(folder, f"there is no {MANIFEST}; is this the folder of a run?")
    try:
        manifest = Manifest.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(folder, f"{MANIFEST} cannot be read: {error}") from error
    return RunResults(folder, manifest)
