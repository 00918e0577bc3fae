from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from abm.errors import ResultsError
from abm.recording.files import check_target, new_folder, write_run, write_text
from abm.recording.recorder import Recorder
from abm.recording.results import read_results
from abm.recording.schemas import SCHEMAS
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.recording.results import RunResults
    from abm.scenario import Scenario


def contents(folder: Path) -> dict[str, str | None]:
    """Return every path under a folder with the text of each file."""
    return {
        str(path.relative_to(folder)): path.read_text("utf-8") if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


# new_folder


def test_a_new_folder_appears_whole_and_alone(tmp_path: Path) -> None:
    with new_folder(tmp_path / "run") as fresh:
        (fresh / "steps").write_text("1", encoding="utf-8")
        assert not (tmp_path / "run").exists()
    assert contents(tmp_path) == {"run": None, "run/steps": "1"}


def test_folders_above_a_new_one_are_made(tmp_path: Path) -> None:
    with new_folder(tmp_path / "study" / "run") as fresh:
        (fresh / "steps").write_text("1", encoding="utf-8")
    assert contents(tmp_path) == {"study": None, "study/run": None, "study/run/steps": "1"}


def test_a_new_folder_takes_the_place_of_an_old_one_with_nothing_left_of_it(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old").write_text("old", encoding="utf-8")
    with new_folder(tmp_path / "run") as fresh:
        (fresh / "new").write_text("new", encoding="utf-8")
    assert contents(tmp_path) == {"run": None, "run/new": "new"}


def write_half(folder: Path, error: type[BaseException]) -> None:
    with new_folder(folder) as fresh:
        (fresh / "half").write_text("half", encoding="utf-8")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_a_folder_whose_writing_failed(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        write_half(tmp_path / "run", error)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_old_folder_stays_as_it_was_when_writing_the_new_one_fails(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old").write_text("old", encoding="utf-8")
    with pytest.raises(error):
        write_half(tmp_path / "run", error)
    assert contents(tmp_path) == {"run": None, "run/old": "old"}


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_old_folder_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    target = tmp_path / "run"
    target.mkdir()
    (target / "old").write_text("old", encoding="utf-8")
    failures = 0

    def once(move: Callable[..., None]) -> Callable[..., None]:
        def moved(source: Any, destination: Any, **options: Any) -> None:  # noqa: ANN401
            nonlocal failures
            if Path(destination) == target and failures == 0:
                failures += 1
                raise error
            move(source, destination, **options)

        return moved

    monkeypatch.setattr(os, "rename", once(os.rename))
    monkeypatch.setattr(os, "replace", once(os.replace))
    with pytest.raises(error), new_folder(target) as fresh:
        (fresh / "new").write_text("new", encoding="utf-8")
    assert failures == 1
    assert contents(tmp_path) == {"run": None, "run/old": "old"}


# check_target


def test_a_folder_that_is_not_there_may_be_written(tmp_path: Path, scenario: Scenario) -> None:
    check_target(tmp_path / "none", scenario)
    assert contents(tmp_path) == {}


def test_an_empty_folder_may_be_written(tmp_path: Path, scenario: Scenario) -> None:
    check_target(tmp_path, scenario)


def test_the_folder_of_this_very_run_may_be_written(run: RunResults, scenario: Scenario) -> None:
    check_target(run.folder, scenario)


def test_a_file_is_no_target(tmp_path: Path, scenario: Scenario) -> None:
    path = tmp_path / "file"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(ResultsError, match="--out must name a folder; this is a file") as caught:
        check_target(path, scenario)
    assert caught.value.folder == str(path)


def test_a_path_below_a_file_is_no_target(tmp_path: Path, scenario: Scenario) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(ResultsError, match="--out"):
        check_target(tmp_path / "file" / "run", scenario)


def test_the_root_of_all_folders_is_no_target(scenario: Scenario) -> None:
    with pytest.raises(ResultsError, match="--out"):
        check_target(Path("/"), scenario)


def test_a_folder_with_other_things_is_no_target(tmp_path: Path, scenario: Scenario) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ResultsError, match="holds no run of this format; choose another folder"):
        check_target(tmp_path, scenario)


def test_a_file_that_was_laid_beside_a_run_is_not_lost(tmp_path: Path, scenario: Scenario) -> None:
    write_run(Recorder(), scenario, tmp_path)
    check_target(tmp_path, scenario)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ResultsError, match=r"holds notes\.txt, which would be lost"):
        check_target(tmp_path, scenario)


@pytest.mark.parametrize("change", [{"seed": 8}, {"name": "other"}])
def test_the_folder_of_another_run_is_no_target(
    run: RunResults, scenario: Scenario, change: dict[str, object]
) -> None:
    with pytest.raises(ResultsError) as caught:
        check_target(run.folder, scenario.model_copy(update=change))
    assert str(caught.value) == (
        f"{run.folder}: --out holds another run "
        f"({run.manifest.run_id}: small_crash, seed 13); choose another folder"
    )


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[]",
        "{}",
        '{"format": 2}',
        '{"format": 2, "run_id": "x"}',
        json.dumps(
            {"format": 2, "run_id": "x", "fingerprint": "x", "scenario": None}
            | {"versions": {}, "platform": "", "tables": {}}
        ),
    ],
)
def test_a_folder_whose_manifest_says_nothing_is_no_target(
    tmp_path: Path, scenario: Scenario, manifest: str
) -> None:
    (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    with pytest.raises(ResultsError, match="choose another folder"):
        check_target(tmp_path, scenario)


# write_text


def test_a_text_is_written_whole_with_nothing_beside_it(tmp_path: Path) -> None:
    write_text(tmp_path / "page.html", "first")
    write_text(tmp_path / "page.html", "Où?")
    assert contents(tmp_path) == {"page.html": "Où?"}


def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_text(tmp_path / "page.html", "old")
    # A lone surrogate has no UTF-8 form.
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "page.html", "new \ud800")
    assert contents(tmp_path) == {"page.html": "old"}


# write_run and read_results


def test_a_run_leaves_its_tables_manifest_report_and_counterfactual(run: RunResults) -> None:
    tables = {f"{name}.parquet" for name in SCHEMAS}
    assert {path.name for path in run.folder.iterdir()} == {
        *tables,
        *("manifest.json", "report.html", "without_shocks"),
    }
    assert {path.name for path in (run.folder / "without_shocks").iterdir()} == {
        *tables,
        "manifest.json",
    }


def test_what_was_recorded_is_what_is_read(tmp_path: Path, scenario: Scenario) -> None:
    recorder = Recorder()
    recorder.add("tokens", "USDC", 5, 4)
    recorder.add("tokens", "ETH", 2**62, None)
    written = write_run(recorder, scenario, tmp_path)
    results = read_results(tmp_path)
    assert results.manifest == written
    assert results.table("tokens").rows() == [("USDC", 5, 4), ("ETH", 2**62, None)]
    assert {name: table["rows"] for name, table in written.tables.items()} == {
        name: 2 if name == "tokens" else 0 for name in SCHEMAS
    }


@pytest.fixture
def copy(run: RunResults, tmp_path: Path) -> Path:
    """Copy the folder of a run, so that a test may damage it."""
    return shutil.copytree(run.folder, tmp_path / "copy")


def read(folder: Path, table: str | None) -> None:
    results = read_results(folder)
    if table is not None:
        results.table(table)


def reason_not_to_read(folder: Path, table: str | None = None) -> str:
    with pytest.raises(ResultsError) as caught:
        read(folder, table)
    assert caught.value.folder == str(folder)
    assert str(caught.value) == f"{folder}: {caught.value.reason}"
    return caught.value.reason


def test_results_may_be_opened_by_the_text_of_their_path(run: RunResults) -> None:
    assert read_results(str(run.folder)).manifest == run.manifest


def test_a_folder_that_is_not_there_holds_no_results(tmp_path: Path) -> None:
    assert reason_not_to_read(tmp_path / "none") == "there is no such folder"


def test_a_folder_without_a_manifest_holds_no_results(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    assert reason_not_to_read(copy) == "there is no manifest.json; is this the folder of a run?"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 0}', '{"format": 2, "more": 1}'])
def test_a_damaged_manifest_is_named(copy: Path, text: str) -> None:
    (copy / "manifest.json").write_text(text, encoding="utf-8")
    assert reason_not_to_read(copy).startswith("manifest.json cannot be read: ")


def test_a_missing_table_is_named(copy: Path) -> None:
    (copy / "steps.parquet").unlink()
    assert reason_not_to_read(copy, "steps").startswith("steps.parquet cannot be read: ")


def test_a_damaged_table_is_named(copy: Path) -> None:
    whole = (copy / "steps.parquet").read_bytes()
    (copy / "steps.parquet").write_bytes(whole[: len(whole) // 2])
    assert reason_not_to_read(copy, "steps").startswith("steps.parquet cannot be read: ")


def test_a_run_that_recorded_few_tables_has_no_others(tmp_path: Path, scenario: Scenario) -> None:
    manifest = write_run(simulate(scenario, tables=("trades",)), scenario, tmp_path)
    assert list(manifest.tables) == [
        name for name in SCHEMAS if name in ("runs", "steps", "trades")
    ]
    assert read_results(tmp_path).table("trades").height > 0
    assert reason_not_to_read(tmp_path, "quotes") == "the run did not record the table quotes"


def test_a_run_is_written_into_a_new_folder_and_is_none_until_it_is_whole(
    tmp_path: Path, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "deep" / "run"
    write_run(Recorder(), scenario, folder)
    assert read_results(folder).manifest.scenario["name"] == scenario.name

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write_run(Recorder(), scenario, folder)
    assert reason_not_to_read(folder).startswith("there is no manifest.json")


def test_what_another_run_left_in_the_folder_is_not_this_runs(
    tmp_path: Path, scenario: Scenario
) -> None:
    write_run(simulate(scenario), scenario, tmp_path)
    write_run(simulate(scenario, tables=()), scenario, tmp_path)
    results = read_results(tmp_path)
    assert not results.has("trades")
    assert reason_not_to_read(tmp_path, "trades") == "the run did not record the table trades"


def test_a_table_that_no_run_has_is_told_those_there_are(run: RunResults) -> None:
    reason = reason_not_to_read(run.folder, "losses")
    assert reason == f"no table 'losses'; there are {', '.join(SCHEMAS)}"


def test_a_table_is_read_once(copy: Path) -> None:
    results = read_results(copy)
    steps = results.table("steps")
    (copy / "steps.parquet").unlink()
    assert results.table("steps") is steps


def test_the_counterfactual_is_the_run_without_shocks(run: RunResults) -> None:
    assert run.counterfactual is not None
    assert run.counterfactual.manifest.scenario == run.manifest.scenario | {"shocks": {}}
    assert run.counterfactual.counterfactual is None
    assert run.counterfactual.outcome["shocks"] == 0
    assert run.outcome["shocks"] == 2


def test_a_folder_without_a_counterfactual_has_none(copy: Path) -> None:
    shutil.rmtree(copy / "without_shocks")
    assert read_results(copy).counterfactual is None


def test_results_say_which_run_they_are(run: RunResults) -> None:
    identifier = run.manifest.run_id
    assert repr(run) == f"<run {identifier} of small_crash, seed 13 with its counterfactual>"
    assert repr(run.counterfactual).endswith("of small_crash, seed 13>")
