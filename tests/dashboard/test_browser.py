"""Every page in a real browser, as a reader meets it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl
import pytest

from abm.analysis.summary import summarise
from abm.dashboard.pages import PAGES
from abm.recording.results import read_results
from abm.recording.study import PAIR, read_study
from abm.units import format_usd

exceptions = pytest.importorskip("selenium.common.exceptions", reason="no Selenium here")
webdriver = pytest.importorskip("selenium.webdriver", reason="no Selenium here")

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = pytest.mark.slow

Found = TypeVar("Found")
Hosts = Callable[[], set[str]]
PATIENCE_SECONDS = 90
HALT = "factor shocks.far_halt.duration_hours"
CLOSING = "factor liquidation.close_out"


def wait(look: Callable[[], Found | None], what: str) -> Found:
    """Look again and again until something is found; the page may change meanwhile."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            if found := look():
                return found
        except exceptions.WebDriverException:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {PATIENCE_SECONDS} s")


def element(browser: Chrome, selector: str) -> WebElement:
    """Return an element as soon as it is there and seen."""

    def look() -> WebElement | None:
        found = browser.find_element("css selector", selector)
        return found if found.is_displayed() else None

    return wait(look, selector)


def control(name: str) -> str:
    """Return the selector of a control."""
    return "[id='{}']".format(json.dumps({"name": name, "type": "control"}, separators=(",", ":")))


def choose(browser: Chrome, name: str, text: str) -> None:
    """Choose from a list as a reader does: open it, click what one wants."""
    element(browser, control(name)).click()

    def option() -> WebElement | None:
        options = browser.find_elements("css selector", ".dash-dropdown-option")
        return next((found for found in options if found.text.strip() == text), None)

    wait(option, f"the choice {text}").click()
    browser.switch_to.active_element.send_keys("\ue00c")  # the key Escape closes the list


def drawn(browser: Chrome, name: str) -> list[dict[str, Any]]:
    """Return the traces of a figure as the page has drawn them."""
    script = """
        const plot = document.querySelector(`[id='${arguments[0]}'] .js-plotly-plot`);
        if (!plot || !plot._fullData || !plot.querySelector('.main-svg')) return null;
        const plain = value => ArrayBuffer.isView(value) ? Array.from(value)
            : Array.isArray(value) ? value.map(plain) : value;
        return plot._fullData.map(trace => ({name: trace.name, x: plain(trace.x),
            y: plain(trace.y), z: plain(trace.z), hovertext: trace.hovertext}));
    """
    return wait(lambda: browser.execute_script(script, name), f"the figure {name}")


def cells(browser: Chrome, table: str) -> list[list[str]]:
    """Return the texts of a table, row by row."""
    element(browser, f"#{table}")
    script = """return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)]
        .map(row => [...row.cells].map(cell => cell.textContent))"""
    return browser.execute_script(script, table)  # type: ignore[no-any-return]


def complaints(browser: Chrome) -> list[str]:
    """Return what the browser's console has complained of since the last look."""
    log: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in log if entry["level"] == "SEVERE"]


def _shows(browser: Chrome, title: str) -> bool:
    """Say whether a page has its head and its body."""
    head = browser.find_element("css selector", "h1").text
    return head == title and bool(browser.find_element("css selector", "#body").text)


@pytest.mark.parametrize("place", ["crash", "halts"])
def test_every_page_draws_without_a_complaint_and_without_leaving_this_machine(
    browser: Chrome, address: str, hosts_asked: Hosts, place: str
) -> None:
    for page in PAGES:
        browser.get(f"{address}{page.path}?at={place}")
        wait(partial(_shows, browser, page.title), page.title)
        for name in browser.execute_script(
            "return [...document.querySelectorAll('.dash-graph')].map(part => part.id)"
        ):
            drawn(browser, name)
    assert complaints(browser) == []
    assert hosts_asked() == {"127.0.0.1"}


def test_the_outcomes_on_the_page_are_those_of_the_tables(
    browser: Chrome, address: str, results: Path
) -> None:
    browser.get(f"{address}/?at=crash")
    expected = [
        [line.label, line.actual, line.without]
        for line in summarise(read_results(results / "crash"))
    ]
    assert cells(browser, "outcomes") == expected


def test_the_slider_moves_the_map(browser: Chrome, address: str) -> None:
    browser.get(f"{address}/map?at=crash")
    before = drawn(browser, "map")
    moment = element(browser, "#map-moment").text
    element(browser, "[role=slider]").send_keys("\ue010")  # the key End
    wait(lambda: element(browser, "#map-moment").text != moment or None, "another moment")
    assert element(browser, "#map-moment").text.startswith("At 2.5 hours.")
    assert drawn(browser, "map") != before


def test_the_play_button_moves_the_slider_until_it_is_pressed_again(
    browser: Chrome, address: str
) -> None:
    browser.get(f"{address}/map?at=crash")
    drawn(browser, "map")
    moment = element(browser, "#map-moment").text
    element(browser, "#play").click()
    wait(lambda: element(browser, "#map-moment").text != moment or None, "another moment")
    assert "Pause" in element(browser, "#play").text
    element(browser, "#play").click()
    wait(lambda: "Play" in element(browser, "#play").text or None, "the end of playing")


def test_a_filter_changes_the_figure(browser: Chrome, address: str, results: Path) -> None:
    browser.get(f"{address}/messages?at=crash")
    messages = read_results(results / "crash").table("messages")
    shown = drawn(browser, "messages-0")
    assert sum(sum(trace["x"]) for trace in shown) == len(messages)
    choose(browser, "channel", "to_far")
    expected = len(messages.filter(pl.col("channel").cast(pl.String) == "to_far"))
    wait(
        lambda: sum(sum(trace["x"]) for trace in drawn(browser, "messages-0")) == expected or None,
        "the figure of one channel",
    )


def test_the_heat_map_holds_the_means_of_the_runs(
    browser: Chrome, address: str, results: Path
) -> None:
    browser.get(f"{address}/sweep?at=halts")
    runs = read_study(results / "halts").runs
    means = dict(
        runs.group_by(pl.concat_str(pl.col(HALT).cast(pl.String), CLOSING, separator="/"))
        .agg(pl.col("bad_debt_usd").mean())
        .iter_rows()
    )
    (heat,) = drawn(browser, "heat")
    found = {
        f"{x}/{y}": heat["z"][row][column]
        for row, y in enumerate(heat["y"])
        for column, x in enumerate(heat["x"])
    }
    assert found == pytest.approx(means)
    assert {f"{PAIR}bad_debt_usd"} <= set(runs.columns)


def test_a_click_on_a_cell_opens_its_runs(browser: Chrome, address: str, results: Path) -> None:
    browser.get(f"{address}/sweep?at=halts")
    (heat,) = drawn(browser, "heat")
    ground = element(browser, "[id=heat] .nsewdrag")
    size = ground.size
    # The middle of the lower left cell of two by two, from the middle of the ground.
    chain = webdriver.ActionChains(browser).move_to_element_with_offset(
        ground, -size["width"] // 4, size["height"] // 4
    )
    chain.pause(0.4).click().perform()
    rows = wait(lambda: cells(browser, "point-runs") or None, "the runs of a point")
    runs = read_study(results / "halts").runs
    point = runs.filter(
        pl.col(HALT).cast(pl.String) == heat["x"][0], pl.col(CLOSING) == heat["y"][0]
    )
    assert [row[0] for row in rows] == point.sort("replicate")["run_id"].to_list()
    browser.find_element("css selector", "#point-runs a").click()
    wait(lambda: "run=" in browser.current_url or None, "the page of the run")
    assert rows[0][0] in element(browser, "#run-card").text


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_download_holds_the_rows_that_are_shown(
    browser: Chrome, address: str, results: Path, downloads: Path, ending: str
) -> None:
    query = "at=crash&table=messages&column=channel&compare=equal&value=to_far"
    browser.get(f"{address}/data?{query}")
    messages = read_results(results / "crash").table("messages")
    expected = messages.with_columns(pl.col(pl.Categorical).cast(pl.String)).filter(
        channel="to_far"
    )
    text = f"{len(expected):,} rows"
    wait(lambda: element(browser, "#row-count").text == text or None, text)
    element(browser, f"#download-{ending}").click()
    file = downloads / f"messages.{ending}"
    wait(lambda: file.is_file() or None, str(file))
    read = pl.read_csv if ending == "csv" else pl.read_parquet
    taken = read(file)
    assert taken["message"].to_list() == expected["message"].to_list()
    if ending == "parquet":
        assert taken.equals(expected)


def test_the_cause_tree_walks_from_the_root_to_the_loss_that_is_picked(
    browser: Chrome, address: str, results: Path
) -> None:
    browser.get(f"{address}/causes?at=crash")
    steps = cells(browser, "tree-steps")
    losses = read_results(results / "crash").table("liquidations")["bad_debt_usd"].to_list()
    assert steps[0][2] == "liquidation"
    assert steps[0][4] == format_usd(max(losses))
    assert {row[2] for row in steps} & {"fire sale", "closing", "late margin", "gap"}


def test_an_empty_folder_says_what_to_do_and_is_watched(
    browser: Chrome,
    serve: Callable[[Path], AbstractContextManager[str]],
    tmp_path: Path,
) -> None:
    with serve(tmp_path) as place:
        for page in PAGES:
            browser.get(f"{place}{page.path}")
            notice = element(browser, "#notice")
            assert "holds no run" in notice.text
            assert "abm run SCENARIO" in notice.text
    assert complaints(browser) == []
