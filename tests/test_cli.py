from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from abm.analysis.summary import headline, summarise
from abm.cli import main
from abm.errors import InvariantError
from abm.recording.results import read_results
from abm.scenario import fingerprint, load_scenario, run_id, scenario_schema
from abm.scenario.profiles import chain_profiles, protocol_profiles

if TYPE_CHECKING:
    from abm.scenario import Scenario
    from abm.simulation.world import World

SMALL_CRASH = Path(__file__).parent / "scenario" / "small_crash.toml"
SCENARIOS = Path(__file__).parents[1] / "scenarios"

# A quarter of an hour with nothing failing.
SHORT = ("--set", "clock.hours=0.25", "--set", "shocks={}")

# Rich draws progress only where it believes to write to a terminal.
TERMINAL = os.environ | {"FORCE_COLOR": "1", "TERM": "xterm"}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Abm = Callable[..., Ended]


@pytest.fixture
def abm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Abm:
    """Run the command line in this process, in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["abm", *map(str, arguments)])
        status: object = 0
        try:
            main()
        except SystemExit as stop:
            status = stop.code
        captured = capsys.readouterr()
        assert isinstance(status, int)
        return Ended(status, captured.out, captured.err)

    return call


def run_python(*arguments: str, cwd: Path) -> Ended:
    """Run this interpreter in a process of its own."""
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=TERMINAL, capture_output=True, check=False
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def files_in(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# abm run


def test_run_prints_the_summary_of_both_runs_and_where_the_results_are(
    abm: Abm, tmp_path: Path
) -> None:
    ended = abm("run", SMALL_CRASH, "--out", "here")
    assert ended.status == 0
    results = read_results(tmp_path / "here")
    for line in summarise(results):
        row = next(row for row in ended.out.splitlines() if line.label in row)
        assert line.without is not None
        assert row.index(line.actual) < row.rindex(line.without)
    assert "this run" in ended.out
    assert "without the shocks" in ended.out
    assert headline(results) in ended.out
    assert ended.out.endswith("Tables and report: here/report.html\n")
    assert set(files_in(tmp_path / "here")) >= {"report.html", "without_shocks/runs.parquet"}


def test_results_go_into_a_folder_named_by_study_and_run(abm: Abm, tmp_path: Path) -> None:
    assert abm("run", SMALL_CRASH, *SHORT).status == 0
    scenario = load_scenario(SMALL_CRASH, ("clock.hours=0.25", "shocks={}"))
    folder = tmp_path / "results" / "small_crash" / run_id(scenario)
    assert read_results(folder).manifest.fingerprint == fingerprint(scenario)
    assert {path.name for path in tmp_path.iterdir()} == {"results"}
    assert {path.name for path in folder.parent.iterdir()} == {folder.name}


def test_a_run_without_shocks_is_run_once_and_has_one_column(abm: Abm, tmp_path: Path) -> None:
    ended = abm("run", SMALL_CRASH, *SHORT, "--out", "here")
    assert "this run" in ended.out
    assert "without shocks" not in ended.out
    assert not (tmp_path / "here" / "without_shocks").exists()


def test_running_twice_into_one_folder_gives_the_same_bytes(abm: Abm, tmp_path: Path) -> None:
    arguments = ("run", SMALL_CRASH, "--set", "clock.hours=1", "--out", "here")
    assert abm(*arguments).status == 0
    first = files_in(tmp_path)
    assert abm(*arguments).status == 0
    assert len(first) > 20
    assert files_in(tmp_path) == first


def test_seed_and_set_change_the_scenario_that_runs(abm: Abm, tmp_path: Path) -> None:
    changes = ("--seed", "12", "--set", "liquidation.grace_seconds=60")
    assert abm("run", SMALL_CRASH, *SHORT, *changes, "--out", "here").status == 0
    scenario = read_results(tmp_path / "here").manifest.scenario
    assert scenario["seed"] == 12
    assert scenario["liquidation"]["grace_seconds"] == 60.0
    assert scenario["clock"]["hours"] == 0.25


def test_another_seed_gives_other_results(abm: Abm, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        assert abm("run", SMALL_CRASH, *SHORT, "--seed", seed, "--out", seed).status == 0
    tables = [read_results(tmp_path / seed).manifest.tables for seed in ("1", "2")]
    assert tables[0]["steps"] != tables[1]["steps"]


def test_progress_goes_to_stderr_and_the_table_to_stdout(tmp_path: Path) -> None:
    arguments = ("run", str(SMALL_CRASH), "--set", "clock.hours=1", "--out", "here")
    ended = run_python("-m", "abm", *arguments, cwd=tmp_path)
    assert ended.status == 0
    for progress in ("with shocks", "without shocks", "simulated", "h/s", "left"):
        assert progress in ended.err
    assert "simulated" not in ended.out
    assert "Bad debt" in ended.out
    assert "Bad debt" not in ended.err


# abm run, refused


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_bad_scenario_is_refused_with_every_fault_and_nothing_is_written(
    abm: Abm, tmp_path: Path, command: str
) -> None:
    ended = abm(command, SMALL_CRASH, "--set", "clock.hour=3", "--set", "traders.sellers.count=0")
    assert (ended.status, ended.out) == (2, "")
    assert sorted(ended.err.splitlines()) == [
        f"{SMALL_CRASH}: clock.hour: unknown key; did you mean 'hours'?",
        f"{SMALL_CRASH}: traders.sellers.count is 0; it must be greater than or equal to 1",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.toml", None, "none.toml: file: No such file or directory\n"),
        ("latin.toml", b"name = '\xe9'", "latin.toml: file: not UTF-8 text: "),
        ("broken.toml", b"name = ", "broken.toml: file: not TOML: "),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    abm: Abm, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = files_in(tmp_path)
    ended = abm("run", name)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(message)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", str(SMALL_CRASH), "--bogus"), "No such option: --bogus"),
        (("run",), "Missing argument"),
        (("run", str(SMALL_CRASH), "--seed", "x"), "--seed"),
        (("walk", str(SMALL_CRASH)), "No such command 'walk'"),
        ((), "Usage: "),
    ],
)
def test_a_command_that_is_not_understood_is_refused(
    abm: Abm, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    ended = abm(*arguments)
    assert ended.status == 2
    assert message in ended.err + ended.out
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_negative_seed_is_refused_by_name(abm: Abm) -> None:
    ended = abm("check", SMALL_CRASH, "--seed", "-3")
    assert ended.status == 2
    assert "seed is -3; it must be greater than or equal to 0" in ended.err


def test_a_folder_with_other_things_is_left_alone(abm: Abm, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine", encoding="utf-8")
    ended = abm("run", SMALL_CRASH, *SHORT, "--out", "mine")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        "mine: --out is not empty and holds no run of this format; choose another folder\n"
    )
    assert files_in(tmp_path) == {"mine/thesis.txt": b"mine"}


def test_a_folder_with_another_run_is_left_alone(abm: Abm, tmp_path: Path) -> None:
    assert abm("run", SMALL_CRASH, *SHORT, "--out", "here").status == 0
    before = files_in(tmp_path)
    held = read_results(tmp_path / "here").manifest.run_id
    ended = abm("run", SMALL_CRASH, *SHORT, "--seed", "8", "--out", "here")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        f"here: --out holds another run ({held}: small_crash, seed 13); choose another folder\n"
    )
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("out", ["file", "file/run", "file/run/again"])
def test_a_path_through_a_file_is_refused_by_name(abm: Abm, tmp_path: Path, out: str) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    ended = abm("run", SMALL_CRASH, *SHORT, "--out", out)
    assert (ended.status, ended.out) == (2, "")
    assert "--out" in ended.err
    assert files_in(tmp_path) == {"file": b"mine"}


def test_the_empty_working_directory_is_written_into_or_refused(abm: Abm, tmp_path: Path) -> None:
    # It is empty, which --help allows; but a folder cannot be replaced from inside.
    ended = abm("run", SMALL_CRASH, *SHORT, "--out", ".")
    if ended.status == 0:
        assert "manifest.json" in files_in(tmp_path)
    else:
        assert ended.status == 2
        assert "--out" in ended.err
        assert files_in(tmp_path) == {}


# abm run, interrupted or broken

LONG = (
    *("--set", "clock.hours=100", "--set", "shocks={}"),
    *("--set", 'market.price={kind="diffusion", start_usd=2000, annual_volatility=0.5}'),
)

# A test run in the background may have been told to ignore interrupts, and hands that on.
INTERRUPTIBLE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from abm.cli import main; sys.argv[0] = 'abm'; main()"
)


def test_ctrl_c_during_a_run_leaves_no_files_and_says_so(tmp_path: Path) -> None:
    arguments = ["-c", INTERRUPTIBLE, "run", str(SMALL_CRASH), *LONG, "--out", "here"]
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=TERMINAL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        shown = b""
        while b"simulated" not in shown:
            piece = os.read(process.stderr.fileno(), 4_096)
            assert piece, shown.decode()
            shown += piece
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert list(tmp_path.iterdir()) == []
    assert out == b""
    assert process.returncode == 130
    assert b"interrupted" in err
    assert b"Traceback" not in err


def interrupt(scenario: Scenario, progress: object = None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt


def test_ctrl_c_leaves_the_results_of_an_earlier_run(
    abm: Abm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert abm("run", SMALL_CRASH, *SHORT, "--out", "here").status == 0
    before = files_in(tmp_path)
    monkeypatch.setattr("abm.studies.paired.simulate", interrupt)
    ended = abm("run", SMALL_CRASH, *SHORT, "--out", "here")
    assert files_in(tmp_path) == before
    assert ended.status == 130
    assert "interrupted" in ended.err


def break_at_300(world: World) -> None:
    if world.now == 300:
        raise InvariantError(world.now, ["USDC: 5 base units are missing"])


def test_a_broken_invariant_leaves_the_steps_until_then_and_the_way_to_replay_it(
    abm: Abm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abm.simulation.step.check_invariants", break_at_300)
    ended = abm("run", SMALL_CRASH, *SHORT, "--out", "here")
    assert (ended.status, ended.out) == (1, "")
    assert "after the step at second 300: USDC: 5 base units are missing" in ended.err
    assert not (tmp_path / "here").exists()
    # Steps of 60 s: the last that is whole ended at second 240.
    kept = read_results(tmp_path / "here.broken")
    assert kept.table("steps")["second"].to_list() == [0, 60, 120, 180, 240]
    assert "here.broken" in ended.err
    command = replay_command(ended)
    assert command[:5] == ["abm", "run", str(SMALL_CRASH), "--seed", "13"]
    again = abm(*command[1:], "--out", "again")
    assert again.status == 1
    assert "USDC: 5 base units are missing" in again.err


def test_the_way_to_replay_can_be_pasted_into_a_shell(
    abm: Abm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abm.simulation.step.check_invariants", break_at_300)
    path = tmp_path / "my scenario.toml"
    path.write_bytes(SMALL_CRASH.read_bytes())
    ended = abm("run", path, *SHORT, "--set", "question=Who's next?", "--out", "here")
    assert replay_command(ended) == [
        *("abm", "run", str(path), "--seed", "13", *SHORT),
        *("--set", "question=Who's next?"),
    ]


def replay_command(ended: Ended) -> list[str]:
    """Return the words of the command that a broken run tells."""
    (line,) = [line for line in ended.err.splitlines() if "to replay" in line]
    return shlex.split(line.partition(": ")[2])


# abm check, list, schema, report


def test_check_says_what_a_sound_scenario_would_run_and_writes_nothing(
    abm: Abm, tmp_path: Path
) -> None:
    ended = abm("check", SMALL_CRASH)
    identifier = run_id(load_scenario(SMALL_CRASH))
    # 30 sellers and 20 buyers; four strikes, each a call and a put.
    assert ended == Ended(
        status=0,
        out=f"{SMALL_CRASH} is sound: run {identifier}, 2.5 hours of 60 s steps, 50 traders, "
        "8 series, 3 chains, 4 channels, 2 shocks\n",
        err="",
    )
    assert list(tmp_path.iterdir()) == []


def test_list_prints_every_scenario_with_its_question(abm: Abm) -> None:
    ended = abm("list", SCENARIOS)
    assert (ended.status, ended.err) == (0, "")
    expected = [
        line
        for path in sorted(SCENARIOS.glob("*.toml"))
        for line in (str(path), f"    {load_scenario(path).question}")
    ]
    assert ended.out.splitlines() == expected


def test_list_goes_on_past_a_scenario_that_cannot_be_run(abm: Abm, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("seed = 1\n", encoding="utf-8")
    (tmp_path / "b.toml").write_bytes(SMALL_CRASH.read_bytes())
    ended = abm("list", ".")
    lines = ended.out.splitlines()
    assert ended.status == 0
    assert "cannot be run: 13 faults" in lines[1]
    assert lines[2:] == ["b.toml", f"    {load_scenario(SMALL_CRASH).question}"]


@pytest.mark.parametrize("folder", ["empty", "none"])
def test_list_of_a_folder_without_scenarios_fails(abm: Abm, tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    ended = abm("list", folder)
    assert ended.err == f"{folder} holds no scenario files (*.toml)\n"
    assert (ended.status, ended.out) == (2, "")


def test_profiles_prints_every_chain_and_protocol_with_its_sources(abm: Abm) -> None:
    ended = abm("profiles")
    assert ended.status == 0
    for name in (*chain_profiles(), *protocol_profiles()):
        assert f"\n  {name}: " in ended.out
    assert "arXiv 2503.13637" in ended.out
    assert "11 of 16 verifiers, attested, waits for final; " in ended.out


def test_schema_prints_the_json_schema(abm: Abm) -> None:
    ended = abm("schema")
    assert (ended.status, ended.err) == (0, "")
    assert json.loads(ended.out) == scenario_schema()


def test_report_is_written_again_and_its_path_printed(abm: Abm, tmp_path: Path) -> None:
    assert abm("run", SMALL_CRASH, *SHORT, "--out", "here").status == 0
    before = files_in(tmp_path)
    (tmp_path / "here" / "report.html").unlink()
    ended = abm("report", "here")
    assert ended == Ended(status=0, out="here/report.html\n", err="")
    assert files_in(tmp_path) == before


def test_report_of_a_folder_without_a_run_is_refused(abm: Abm, tmp_path: Path) -> None:
    assert abm("report", "none") == Ended(2, "", "none: there is no such folder\n")
    ended = abm("report", ".")
    assert ended == Ended(2, "", ".: there is no manifest.json; is this the folder of a run?\n")
    assert list(tmp_path.iterdir()) == []


# The command itself


def test_help_lists_every_command(abm: Abm) -> None:
    ended = abm("--help")
    assert (ended.status, ended.err) == (0, "")
    for command in ("run", "check", "list", "schema", "report"):
        assert f" {command} " in ended.out


def test_help_imports_none_of_the_heavy_libraries(tmp_path: Path) -> None:
    program = (
        "import sys, abm.cli; sys.argv = ['abm', '--help']\n"
        "try: abm.cli.main()\n"
        "except SystemExit: pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    ended = run_python("-c", program, cwd=tmp_path)
    assert "Usage: " in ended.out
    heavy = {"mesa", "networkx", "numpy", "plotly", "polars", "pyarrow", "pydantic", "scipy"}
    assert not heavy & set(ended.err.split())


def test_the_package_is_a_command_with_exit_statuses(tmp_path: Path) -> None:
    sound = run_python("-m", "abm", "check", str(SMALL_CRASH), cwd=tmp_path)
    assert sound.status == 0
    assert sound.out.startswith(f"{SMALL_CRASH} is sound")
    bad = run_python("-m", "abm", "check", str(SMALL_CRASH), "--set", "seed=-1", cwd=tmp_path)
    assert (bad.status, bad.out) == (2, "")
    assert "seed is -1" in bad.err
