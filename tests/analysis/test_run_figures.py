"""Figures of one run against its tables; the map, the film and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import polars as pl
import pytest
from PIL import Image

from abm.analysis.animation import write_film
from abm.analysis.figures import FIGURES
from abm.analysis.figures.base import words
from abm.analysis.figures.cause_tree import all_causes, cause_tree, losses, told
from abm.analysis.figures.contagion_map import contagion_film
from abm.analysis.figures.liquidations import liquidation_outcomes, time_to_liquidation
from abm.analysis.figures.losses import cover_k, layer_exhaustion, losses_by_chain
from abm.analysis.figures.map_history import MapHistory
from abm.analysis.figures.messages import fates, messages_by_channel
from abm.analysis.notebooks import read_results
from abm.errors import ResultsError

if TYPE_CHECKING:
    from pathlib import Path

    from abm.recording.results import RunResults


def test_late_messages_are_those_that_the_outcome_counts(crash: RunResults) -> None:
    ends = fates(crash.table("messages").with_columns(pl.col(pl.Categorical).cast(pl.String)))
    counts = dict(ends.group_by("end").len().iter_rows())
    assert counts.get("late", 0) == crash.outcome["messages_late"] > 0
    assert counts.get("lost", 0) == crash.outcome["messages_lost"]
    delivered = counts.get("late", 0) + counts["in time"]
    assert delivered == crash.outcome["messages_delivered"]


def test_bars_of_one_channel_hold_its_messages_alone(crash: RunResults) -> None:
    bars = messages_by_channel(crash, "to_far").plot.data
    assert {name for bar in bars for name in bar.y} == {"to_far"}
    of_channel = crash.table("messages").filter(pl.col("channel").cast(pl.String) == "to_far")
    assert sum(sum(bar.x) for bar in bars) == len(of_channel)


def test_outcomes_of_liquidations_are_those_of_the_run(crash: RunResults) -> None:
    bars = liquidation_outcomes(crash).plot.data[0]
    found = dict(zip(bars.x, bars.y, strict=True))
    assert found["topped up"] == crash.outcome["topped_up"]
    assert found["recovered"] == crash.outcome["recovered"]
    assert sum(found.values()) == crash.outcome["breaches"]


def test_the_curve_of_times_rises_to_the_share_that_ended(crash: RunResults) -> None:
    curve = time_to_liquidation(crash).plot.data[0]
    ends = pl.col("outcome").cast(pl.String)
    found = crash.table("liquidations").filter(~ends.is_in(["topped_up", "recovered"]))
    took = (found["ended_second"] - found["breach_second"]).drop_nulls()
    assert list(curve.x) == pytest.approx([second / 3_600 for second in took.sort()])
    assert curve.y[-1] == pytest.approx(len(took) / len(found))


def test_chains_and_layers_add_up_to_the_bad_debt(crash: RunResults) -> None:
    total = sum(sum(bar.y) for bar in losses_by_chain(crash).plot.data)
    assert total == pytest.approx(crash.outcome["bad_debt_usd"])


def test_cover_k_counts_the_losers_that_the_fund_pays_for(crash: RunResults) -> None:
    debts = (
        crash.table("liquidations")
        .group_by("account")
        .agg(pl.col("bad_debt_usd").sum())
        .filter(pl.col("bad_debt_usd") > 0)
        .sort("bad_debt_usd", descending=True)
    )
    fund = crash.manifest.scenario["waterfall"]["insurance_fund_usd"]
    left, covered = fund, 0
    for debt in debts["bad_debt_usd"]:
        left -= debt
        covered += left >= 0
    assert f"It covers the {covered} largest of {len(debts)}." in cover_k(crash).caption


def test_an_exhausted_fund_is_named_with_the_time(crash: RunResults) -> None:
    figure = layer_exhaustion(crash)
    empty = crash.table("steps").filter(pl.col("fund_usd") <= 0)
    assert ("is exhausted at" in figure.caption) == bool(len(empty))


def test_the_map_adds_up_to_the_tables_at_every_sample(crash: RunResults) -> None:
    history = MapHistory(crash)
    liquidations, messages = crash.table("liquidations"), crash.table("messages")
    paid = crash.table("waterfall")
    for second in history.seconds:
        state = history.state(second)
        open_ = liquidations.filter(
            pl.col("breach_second") <= second,
            pl.col("ended_second").is_null() | (pl.col("ended_second") > second),
        )
        under_way = messages.filter(
            pl.col("sent_second") <= second,
            pl.col("end_second").is_null() | (pl.col("end_second") > second),
        )
        lost = paid.filter(pl.col("second") <= second)
        total = sum(lost[name].sum() for name in paid.columns if name.endswith("_usd"))
        assert sum(chain.stress for chain in state.chains) == len(open_)
        assert sum(channel.messages for channel in state.channels) == len(under_way)
        assert sum(chain.loss_usd for chain in state.chains) == pytest.approx(total)


def test_the_film_has_a_frame_and_a_step_of_the_slider_for_each_moment(crash: RunResults) -> None:
    film = contagion_film(crash)
    plot = film.plot
    (slider,) = plot.layout.sliders
    assert [step.args[0][0] for step in slider.steps] == [frame["name"] for frame in film.frames]
    assert len({len(frame["data"]) for frame in film.frames} | {len(plot.data)}) == 1


def test_plotly_accepts_every_moment_of_the_film(crash: RunResults) -> None:
    # They are not checked when they are made; here once, all of them.
    film = contagion_film(crash)
    assert len(go.Figure(film.drawing).frames) == len(film.frames) > 2


def test_parts_of_the_picture_of_all_losses_add_up_to_the_micro_dollar(crash: RunResults) -> None:
    (icicle,) = all_causes(crash).plot.data
    values = dict(zip(icicle.ids, icicle.values, strict=True))
    assert values["all"] == sum(
        round(value * 1_000_000) for value in crash.table("liquidations")["bad_debt_usd"]
    )
    for name, value in values.items():
        parts = [values[i] for i, p in zip(icicle.ids, icicle.parents, strict=True) if p == name]
        assert not parts or sum(parts) == value


def test_one_loss_is_drawn_with_all_that_its_tree_tells(crash: RunResults) -> None:
    root, worst = losses(crash)[0]
    assert worst.loss_usd == crash.table("liquidations")["bad_debt_usd"].max()
    figure = cause_tree(crash)
    marks = figure.plot.data[-1]
    shown = [cause for _, cause in worst.walk()][: len(marks.text)]
    assert [text.removeprefix("<b>").removesuffix("</b>") for text in marks.text] == [
        told(cause) for cause in shown
    ]
    assert len(shown) > 2
    assert words(root) in figure.title


def test_a_loss_that_is_not_there_is_told(crash: RunResults) -> None:
    assert "Liquidation 999999 left no loss" in cause_tree(crash, 999_999).empty


def test_the_map_is_written_as_a_moving_picture(crash: RunResults, tmp_path: Path) -> None:
    film = write_film(crash, tmp_path / "map.gif", frames=4)
    with Image.open(film) as picture:
        frames = picture.n_frames  # type: ignore[attr-defined]
    assert frames >= 3
    assert [path.name for path in tmp_path.iterdir()] == ["map.gif"]


def test_a_film_of_another_kind_is_refused_and_nothing_is_left(
    crash: RunResults, tmp_path: Path
) -> None:
    with pytest.raises(ResultsError, match=r"ends in \.gif or \.mp4"):
        write_film(crash, tmp_path / "map.avi")
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_reaches_every_figure_by_its_name(crash: RunResults) -> None:
    run = read_results(crash.folder)
    assert dir(run.figures) == sorted(FIGURES)
    assert run.figures.waterfall().title == "The loss waterfall"
    assert run.figures.messages_by_channel(channel="to_far").plot.data
    with pytest.raises(AttributeError, match="no figure 'waterfal'; there are loss_over_time"):
        run.figures.waterfal()


def test_a_notebook_shows_a_run_and_a_figure(crash: RunResults) -> None:
    text = read_results(crash.folder)._repr_html_()
    assert text is not None
    assert "Bad debt" in text
    assert "From 1 run." in run_html(crash)


def run_html(crash: RunResults) -> str:
    return read_results(crash.folder).figures.waterfall()._repr_html_()  # type: ignore[no-any-return]
