"""Writes the folder of a run: all of it aside first, then renamed, so nothing is half there."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from abm.errors import ResultsError
from abm.recording.manifest import Manifest, make_manifest
from abm.recording.schemas import SCHEMAS
from abm.recording.tables import arrow_tables, digest
from abm.scenario.fingerprint import run_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.recording.recorder import Recorder
    from abm.scenario.model import Scenario

MANIFEST = "manifest.json"
COUNTERFACTUAL = "without_shocks"
REPORT = "report.html"
COMPARISON = "comparison.html"


def check_target(folder: Path, scenario: Scenario) -> None:
    """Refuse to write where something else stands.

    Raises
    ------
    ResultsError
        If the folder is not empty and does not hold a run of this very scenario and seed.
    """
    whole = folder.absolute()
    above = next(path for path in (*whole.parents, whole) if path.exists())
    if not above.is_dir():
        raise ResultsError(folder, f"--out must name a folder; {above} above it is a file")
    if folder.resolve() == Path.cwd():
        raise ResultsError(folder, "--out must not be the working directory; name a new folder")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ResultsError(folder, "--out must name a folder; this is a file")
    if not any(folder.iterdir()):
        return
    try:
        held = Manifest.from_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(
            folder, "--out is not empty and holds no run of this format; choose another folder"
        ) from error
    if held.run_id != run_id(scenario):
        name, seed = held.scenario.get("name"), held.scenario.get("seed")
        raise ResultsError(
            folder,
            f"--out holds another run ({held.run_id}: {name}, seed {seed}); choose another folder",
        )
    strangers = sorted({path.name for path in folder.iterdir()} - _own_names())
    if strangers:
        raise ResultsError(
            folder,
            f"beside the run, --out holds {strangers[0]}, which would be lost; move it or choose "
            "another folder",
        )


def _own_names() -> set[str]:
    """Return the names that a run's folder consists of."""
    return {MANIFEST, REPORT, COMPARISON, COUNTERFACTUAL, *(f"{name}.parquet" for name in SCHEMAS)}


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder to write into that takes the place of ``folder`` only if all goes well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
    try:
        fresh = aside / "new"
        fresh.mkdir()
        yield fresh
        _swap(fresh, folder, aside / "old")
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _swap(fresh: Path, folder: Path, old: Path) -> None:
    """Put one folder in the place of another, or leave the other where it was."""
    if not folder.exists():
        fresh.rename(folder)
        return
    folder.rename(old)
    try:
        fresh.rename(folder)
    except BaseException:
        old.rename(folder)
        raise


def write_run(recorder: Recorder, scenario: Scenario, folder: str | Path) -> Manifest:
    """Write the tables that a run recorded into a folder, and last its manifest.

    Parameters
    ----------
    recorder : Recorder
        From `abm.simulation.run.simulate`.
    scenario : Scenario
        What was run.
    folder : str or Path
        Where `abm.read_results` finds it again; made if it is not there. Of another run in it
        nothing is read any more.

    Returns
    -------
    Manifest
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # Without it the folder holds no run, as long as this one is not whole.
    (folder / MANIFEST).unlink(missing_ok=True)
    entries = {}
    for name, table in arrow_tables(recorder).items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
        entries[name] = {"rows": table.num_rows, "digest": digest(table)}
    manifest = make_manifest(scenario, entries, recorder.replaced)
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is either whole or as it was."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=".writing-", delete=False
    ) as file:
        aside = Path(file.name)
        try:
            file.write(text)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    aside.chmod(0o644)
    aside.replace(path)
