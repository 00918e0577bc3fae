from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import polars as pl
import pytest

from abm.dashboard.app import body_of
from abm.dashboard.catalog import Catalog, Selection, worst_run
from abm.dashboard.pages import PAGES
from abm.errors import ResultsError
from abm.recording.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

    from abm.dashboard.pages.base import Choices, Page

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)


def shown(page: Page, selection: Selection, catalog: Catalog) -> str:
    """Return all that a page shows with its first choices, as text."""
    choices: Choices = {"entries": catalog.entries()}
    if not selection.problem:
        choices |= {item.name: item.value for item in page.controls(selection, choices)}
    return "".join(str(part) for part in body_of(page, selection, choices, catalog))


def test_runs_and_studies_are_found_by_their_notes(catalog: Catalog) -> None:
    assert [(entry.place, entry.kind) for entry in catalog.entries()] == [
        ("halts", "study"),
        ("crash", "run"),
    ]


def test_the_folder_itself_may_be_a_run(results: Path) -> None:
    (entry,) = Catalog(results / "crash").entries()
    assert (entry.place, entry.label) == (".", "this folder (run)")


@each_page
@pytest.mark.parametrize("place", ["crash", "halts"])
def test_every_page_shows_a_run_and_a_study(catalog: Catalog, page: Page, place: str) -> None:
    assert shown(page, catalog.select(place), catalog)


def test_a_study_shows_its_worst_run_unless_another_is_asked_for(
    catalog: Catalog, results: Path
) -> None:
    runs = read_study(results / "halts").runs
    worst = runs.sort("bad_debt_usd", descending=True)["run_id"][0]
    selection = catalog.select("halts")
    assert selection.results is not None
    assert selection.results.manifest.run_id == worst == worst_run(read_study(results / "halts"))
    other = catalog.select("halts", runs["run_id"][0]).results
    assert other is not None
    assert other.manifest.run_id == runs["run_id"][0]


def test_a_run_of_a_study_has_its_part_of_the_tables_alone(results: Path) -> None:
    study = read_study(results / "halts")
    name = study.runs["run_id"][3]
    steps = study.table("steps").filter(pl.col("run_id") == name).drop("run_id").collect()
    assert study.run(name).table("steps").equals(steps)
    pair = study.run(name).counterfactual
    assert pair is not None
    assert pair.outcome["bad_debt_usd"] == study.runs["without_shocks.bad_debt_usd"][3]
    with pytest.raises(ResultsError, match="no run of this name"):
        study.run("../../etc")


@pytest.mark.parametrize(
    "place", ["..", "../outside", "/etc", "crash/../../outside", "link", "crash\0", "nowhere"]
)
def test_nothing_outside_the_folder_is_opened(results: Path, tmp_path: Path, place: str) -> None:
    inside = tmp_path / "inside"
    shutil.copytree(results / "crash", inside / "crash")
    shutil.copytree(results / "crash", tmp_path / "outside")
    (inside / "link").symlink_to(tmp_path / "outside")
    catalog = Catalog(inside)
    selection = catalog.select(place)
    assert selection.results is None
    assert "there is no such folder of results here" in selection.problem
    assert [entry.place for entry in catalog.entries()] == ["crash"]


@each_page
def test_an_empty_folder_is_told_what_to_do(tmp_path: Path, page: Page) -> None:
    catalog = Catalog(tmp_path)
    text = shown(page, catalog.select(), catalog)
    assert "holds no run" in text
    assert "abm run SCENARIO" in text


@each_page
@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("crash/manifest.json", '{"format": 1}', "another version"),
        ("crash/manifest.json", '{"form', "damaged or half written"),
        ("crash/runs.parquet", "PAR1", "damaged or half written"),
        ("halts/study.json", '{"name": 3}', "lacks name or question"),
        ("halts/study.json", "[", "run the study anew"),
        ("halts/runs.parquet", "", "cannot be read"),
    ],
)
def test_a_damaged_or_older_folder_is_told_of_on_every_page(
    results: Path, tmp_path: Path, page: Page, file: str, content: str, words: str
) -> None:
    place = file.split("/", maxsplit=1)[0]
    shutil.copytree(results / place, tmp_path / place)
    (tmp_path / file).write_text(content, encoding="utf-8")
    catalog = Catalog(tmp_path)
    selection = catalog.select(place)
    assert words in shown(page, selection, catalog)


@each_page
def test_a_run_that_lacks_tables_says_which(results: Path, tmp_path: Path, page: Page) -> None:
    shutil.copytree(results / "crash", tmp_path / "crash")
    for file in (tmp_path / "crash").rglob("*.parquet"):
        if file.name != "runs.parquet":
            file.unlink()
    catalog = Catalog(tmp_path)
    text = shown(page, catalog.select("crash"), catalog)
    if page.title in ("Contagion map", "Losses", "Liquidations", "Messages", "Liquidity"):
        assert "This run has no table" in text


def study_of_failed_runs(folder: Path) -> None:
    (folder / "failed").mkdir(parents=True)
    note = {"name": "halts", "question": "Why?", "identity": "", "runs": ["0a"]}
    (folder / "study.json").write_text(json.dumps(note), encoding="utf-8")
    error = {"run_id": "0a", "seed": 7, "factors": {}, "error": "Traceback\nValueError: <b>odd</b>"}
    (folder / "failed" / "0a.json").write_text(json.dumps(error), encoding="utf-8")


@each_page
def test_a_study_of_failed_runs_says_so(tmp_path: Path, page: Page) -> None:
    study_of_failed_runs(tmp_path / "study")
    catalog = Catalog(tmp_path)
    text = shown(page, catalog.select(), catalog)
    assert "All runs of this study failed" in text
    if page.path == "/":
        assert "ValueError: <b>odd</b>" in text


def test_a_study_that_has_just_begun_says_how_far_it_is(tmp_path: Path) -> None:
    study_of_failed_runs(tmp_path)
    (tmp_path / "failed" / "0a.json").unlink()
    selection = Catalog(tmp_path).select()
    assert "No run of this study is finished yet" in selection.problem
    assert "0 of 1 runs finished, 0 failed, 1 left" in selection.problem


def test_a_running_sweep_changes_what_is_watched(results: Path, tmp_path: Path) -> None:
    study_of_failed_runs(tmp_path)
    catalog = Catalog(tmp_path)
    before = catalog.signature(".")
    assert catalog.signature(".") == before
    shutil.copy(results / "halts" / "runs.parquet", tmp_path / "runs.parquet")
    assert catalog.signature(".") != before
    assert catalog.select().results is not None
