from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from abm.analysis.figures import REPORT
from abm.analysis.figures.base import sentence
from abm.analysis.report import render_report
from abm.analysis.summary import headline, summarise
from abm.recording.results import RunResults, read_results
from abm.studies.paired import write_report

if TYPE_CHECKING:
    from pathlib import Path

ResultsOf = Callable[[str], RunResults]


class Page(HTMLParser):
    """A parsed page: its tags with their attributes, and the text inside each kind of tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "link", "img", "input"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def inside(self, tag: str) -> list[str]:
        """Return the texts that stand directly inside a kind of tag."""
        return [text for kind, text in self.texts if kind == tag]

    def count(self, tag: str) -> int:
        """Return how often a kind of tag is opened."""
        return sum(kind == tag for kind, _ in self.tags)


@pytest.fixture(scope="module")
def page(crash: RunResults) -> Page:
    return Page(render_report(crash))


def test_the_page_needs_nothing_from_elsewhere(page: Page) -> None:
    addresses = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "data", "action", "poster"}
    ]
    assert addresses == []
    assert page.count("link") == page.count("iframe") == page.count("img") == 0
    assert not re.search(r"@import|url\(", "".join(page.inside("style")))


def test_the_page_holds_the_library_that_draws_its_figures(page: Page, crash: RunResults) -> None:
    scripts = page.inside("script")
    assert max(map(len, scripts)) > 1_000_000
    drawn = [script for script in scripts if "Plotly.newPlot" in script]
    # Without a market on every chain there is nothing to draw of local prices.
    with_data = sum(bool(make(crash).plot.data) for make in REPORT)
    assert sum(len(script) < 1_000_000 for script in drawn) == with_data > 30


def test_every_figure_stands_under_its_title_with_its_caption(
    page: Page, crash: RunResults
) -> None:
    figures = [make(crash) for make in REPORT]
    assert page.inside("h2") == [*(sentence(figure.title) for figure in figures), "Run card"]
    assert set(page.inside("p")) >= {figure.caption for figure in figures}


def test_the_page_opens_with_name_question_and_headline(page: Page, crash: RunResults) -> None:
    assert page.inside("title") == ["small_crash"]
    assert page.inside("h1") == ["small crash"]
    question = crash.manifest.scenario["question"]
    assert page.inside("p")[:2] == [question, headline(crash)]


def test_the_page_has_the_table_of_both_runs(page: Page, crash: RunResults) -> None:
    cells = [cell for line in summarise(crash) for cell in (line.label, line.actual, line.without)]
    assert page.inside("td") == cells
    assert page.inside("th") == ["this run", "without the shocks"]


def test_the_page_of_a_run_without_shocks_has_one_column(results_of: ResultsOf) -> None:
    results = results_of("no_shocks")
    page = Page(render_report(results))
    assert page.inside("th") == ["this run"]
    assert page.inside("td") == [
        cell for line in summarise(results) for cell in (line.label, line.actual)
    ]


def test_the_page_names_run_seed_scenario_and_versions(page: Page, crash: RunResults) -> None:
    card = page.inside("code")
    assert card[:3] == [crash.manifest.run_id, "13", crash.manifest.fingerprint]
    assert f"numpy {crash.manifest.versions['numpy']}" in card[3]


def test_a_question_is_text_even_if_it_looks_like_markup(
    page: Page, crash: RunResults, tmp_path: Path
) -> None:
    question = "</p><script>alert('1')</script> & \"who\" <b>pays</b>?"
    folder = shutil.copytree(crash.folder, tmp_path / "copy")
    results = read_results(folder)
    results.manifest.scenario["question"] = question
    odd = Page(render_report(results))
    assert odd.inside("p")[0] == question
    assert odd.count("script") == page.count("script")
    assert odd.count("b") == page.count("b") == 0


@pytest.mark.parametrize("name", ["no_shocks", "no_losses", "no_messages"])
def test_the_page_of_a_run_where_little_happened_is_whole(results_of: ResultsOf, name: str) -> None:
    page = Page(render_report(results_of(name)))
    assert page.count("section") == len(REPORT)


def test_the_page_is_the_same_each_time(crash: RunResults) -> None:
    assert render_report(crash) == render_report(read_results(crash.folder))


def test_a_report_is_written_again_from_the_tables_alone(crash: RunResults, tmp_path: Path) -> None:
    folder = shutil.copytree(crash.folder, tmp_path / "copy")
    page = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    assert write_report(folder) == folder / "report.html"
    assert (folder / "report.html").read_bytes() == page
