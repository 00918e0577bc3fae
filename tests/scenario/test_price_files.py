"""Price files: what is read from them, and every fault of one."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from abm.errors import ScenarioError
from abm.scenario import fingerprint, load_scenario, parse_scenario
from abm.scenario.prices import ReplayPrice

SMALL = Path(__file__).parent / "small_crash.toml"
# The small scenario's bars, half-hourly from 1 January 2024.
BARS = [
    (2_000, 2_010, 1_990, 2_000),
    (2_000, 2_000, 1_800, 1_800),
    (1_800, 1_800, 1_500, 1_500),
    (1_500, 1_510, 1_450, 1_500),
    (1_500, 1_520, 1_480, 1_500),
]
HEADER = "timestamp_utc,open,high,low,close"


def stamp(number: int) -> str:
    moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=1_800 * number)
    return moment.isoformat().replace("+00:00", "Z")


def lines(first: int = 1) -> list[str]:
    return [
        ",".join([stamp(number), *map(str, bar)]) for number, bar in enumerate(BARS, start=first)
    ]


def write(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    (folder / "prices.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return scenario_with(folder, {"kind": "replay", "source": "a test", "file": "prices.csv"})


def scenario_with(folder: Path, price: dict[str, Any], **volatility: object) -> Path:
    text = SMALL.read_text(encoding="utf-8")
    start, end = text.index("[market.price]"), text.index("[market.volatility]")
    table = "\n".join(f"{key} = {value!r}" for key, value in price.items())
    more = "".join(f"{key} = {value}\n" for key, value in volatility.items())
    path = folder / "scenario.toml"
    text = f"{text[:start]}[market.price]\n{table}\n\n{text[end:]}"
    path.write_text(text.replace("base = 0.6\n", f"base = 0.6\n{more}"), encoding="utf-8")
    return path


def faults_of(path: Path) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_gives_the_bars_that_the_scenario_would_hold(tmp_path: Path) -> None:
    price = load_scenario(write(tmp_path, lines())).market.price
    inline = load_scenario(SMALL).market.price
    assert isinstance(price, ReplayPrice)
    assert isinstance(inline, ReplayPrice)
    assert (price.bars, price.bar_seconds) == (inline.bars, inline.bar_seconds)


def test_the_digest_of_the_file_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    path = write(tmp_path, lines())
    first = load_scenario(path)
    content = (tmp_path / "prices.csv").read_bytes()
    assert isinstance(first.market.price, ReplayPrice)
    assert first.market.price.file_sha256 == hashlib.sha256(content).hexdigest()
    # The same figures, written differently: another file, another fingerprint.
    (tmp_path / "prices.csv").write_bytes(content.replace(b"2000,2010", b"2000.0,2010"))
    assert fingerprint(load_scenario(path)) != fingerprint(first)


def test_what_a_run_records_needs_no_file(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, lines()))
    (tmp_path / "prices.csv").unlink()
    assert parse_scenario(scenario.model_dump(mode="json")) == scenario


def test_only_the_bars_of_the_run_are_taken(tmp_path: Path) -> None:
    early = f"{stamp(0)},1,2,1,1"
    late = f"{stamp(6)},3,3,3,3"
    price = load_scenario(write(tmp_path, [early, *lines(), late])).market.price
    assert isinstance(price, ReplayPrice)
    assert price.bars == tuple(tuple(map(float, bar)) for bar in BARS)


def test_times_may_be_those_of_the_opens(tmp_path: Path) -> None:
    write(tmp_path, lines(first=0))
    table = {"kind": "replay", "source": "a", "file": "prices.csv", "file_times": "open"}
    price = load_scenario(scenario_with(tmp_path, table)).market.price
    assert isinstance(price, ReplayPrice)
    assert price.bars[0] == BARS[0]


def test_closes_alone_make_bars_from_one_to_the_next(tmp_path: Path) -> None:
    rows = [f"{stamp(number)},{close}" for number, close in enumerate([100, 90, 95, 99, 80, 81])]
    price = load_scenario(write(tmp_path, rows, "timestamp_utc,close")).market.price
    assert isinstance(price, ReplayPrice)
    assert price.bars[:2] == ((100.0, 100.0, 90.0, 90.0), (90.0, 95.0, 90.0, 95.0))


def test_a_parquet_file_reads_like_the_same_text(tmp_path: Path) -> None:
    write(tmp_path, lines())
    times = [datetime.fromisoformat(stamp(number)) for number in range(1, 6)]
    columns = dict(zip(HEADER.split(",")[1:], zip(*BARS, strict=True), strict=True))
    frame = pl.DataFrame({"timestamp_utc": times, **{k: list(v) for k, v in columns.items()}})
    frame.write_parquet(tmp_path / "prices.parquet")
    table = {"kind": "replay", "source": "a test", "file": "prices.parquet"}
    price = load_scenario(scenario_with(tmp_path, table)).market.price
    assert isinstance(price, ReplayPrice)
    assert price.bars == tuple(tuple(map(float, bar)) for bar in BARS)


def test_all_faults_of_the_rows_are_told_at_once_and_with_those_of_the_scenario(
    tmp_path: Path,
) -> None:
    rows = lines()
    rows[0] = f"{stamp(1)},2000,2010,1990,-5"
    rows[1] = "2024-01-01T01:00:00+01:00,2000,2000,1800,1800"
    rows[2] = f"{stamp(3)},1800,1700,1500,1500"
    rows[3] = f"{stamp(4)},dear,1510,1450,1500"
    path = write(tmp_path, rows)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('chain = "venue"', 'chain = "venu"'), encoding="utf-8")
    found = faults_of(path)
    file = "market.price.file is 'prices.csv'; row"
    assert [fault for fault in found if fault.startswith(file)] == [
        f"{file} 2: close is '-5'; it must be a number above 0",
        f"{file} 3: timestamp_utc is '2024-01-01T01:00:00+01:00'; it must be in UTC: end it with Z",
        f"{file} 4: open and close must lie between low and high",
        f"{file} 5: open is 'dear'; it must be a number above 0",
    ]
    (other,) = (fault for fault in found if not fault.startswith(file))
    assert other.startswith("venue.chain is 'venu'")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(
            lambda rows: rows[:2] + rows[3:],
            "row 4: 3600 seconds after the row before, the others 1800: figures are missing",
            id="gap",
        ),
        pytest.param(
            lambda rows: [rows[1], rows[0], *rows[2:]],
            "row 3: 2024-01-01T00:30:00+00:00 does not come after the row before",
            id="unordered",
        ),
        pytest.param(
            lambda rows: [rows[0], rows[0], *rows[1:]],
            "row 3: 2024-01-01T00:30:00+00:00 does not come after the row before",
            id="twice",
        ),
        pytest.param(lambda rows: rows[:1], "it must have at least two rows", id="short"),
        pytest.param(
            lambda rows: [row.replace("Z,", ",") for row in rows],
            "row 2: timestamp_utc is '2024-01-01T00:30:00'; it must be in UTC: end it with Z",
            id="no zone",
        ),
        pytest.param(
            lambda rows: rows[:4],
            "it goes from 2024-01-01T00:00:00+00:00 to 2024-01-01T02:00:00+00:00; the run goes "
            "from 2024-01-01T00:00:00+00:00 to 2024-01-01T02:30:00+00:00",
            id="does not cover",
        ),
    ],
)
def test_a_fault_of_a_file_is_told_with_its_row(tmp_path: Path, change: Any, fault: str) -> None:  # noqa: ANN401
    assert f"market.price.file is 'prices.csv'; {fault}" in faults_of(
        write(tmp_path, change(lines()))
    )


def test_gaps_are_told_beside_faults_of_figures(tmp_path: Path) -> None:
    rows = [*lines()[:2], *lines()[3:]]
    rows[0] = f"{stamp(1)},2000,2010,1990,0"
    found = faults_of(write(tmp_path, rows))
    assert ["close is '0'" in found[0], "figures are missing" in found[1]] == [True, True]


def test_a_missing_column_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    header = "timestamp,open,hgh,low,close"
    (fault,) = faults_of(write(tmp_path, lines(), header))
    assert fault.endswith("a column 'timestamp_utc'; did you mean 'timestamp' by it?")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, lines())
    (tmp_path / "prices.csv").unlink()
    (fault,) = faults_of(path)
    assert fault.endswith("No such file or directory")
    assert "market.price.file" in fault


def test_a_file_of_another_digest_than_said_is_refused(tmp_path: Path) -> None:
    write(tmp_path, lines())
    table = {"kind": "replay", "source": "a", "file": "prices.csv", "file_sha256": "0" * 64}
    (fault,) = faults_of(scenario_with(tmp_path, table))
    assert fault.startswith("market.price.file_sha256 is")


def test_bars_and_a_file_are_one_too_many(tmp_path: Path) -> None:
    data = tomllib.loads(SMALL.read_text(encoding="utf-8"))
    data["market"]["price"]["file"] = "prices.csv"
    with pytest.raises(ScenarioError, match="give bars or a file, not both"):
        parse_scenario(data, folder=tmp_path)


def test_many_faults_are_cut_short_and_counted(tmp_path: Path) -> None:
    rows = [f"{stamp(number)},0,0,0,0" for number in range(1, 6)]
    found = faults_of(write(tmp_path, rows))
    assert len(found) == 9
    assert found[-1] == "market.price.file is 'prices.csv'; 12 more faults"


def test_a_volatility_index_may_come_from_a_file(tmp_path: Path) -> None:
    inline = {"kind": "diffusion", "start_usd": 2000.0, "annual_volatility": 0.5}
    index = [f"{stamp(number)},{50 + number}" for number in range(6)]
    text = "\n".join(["timestamp_utc,level", *index]) + "\n"
    (tmp_path / "index.csv").write_text(text, encoding="utf-8")
    path = scenario_with(tmp_path, inline, index="{source = 'a test', file = 'index.csv'}")
    found = load_scenario(path).market.volatility.index
    assert found is not None
    assert (found.point_seconds, found.points) == (1_800, (50.0, 51.0, 52.0, 53.0, 54.0, 55.0))
