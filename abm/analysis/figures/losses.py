"""Losses: how much, when, who paid, what held liquidations up, and what the funds would cover."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

import polars as pl
from plotly.subplots import make_subplots

from abm.analysis.causes import MARKET, loss_by_cause
from abm.analysis.figures.base import (
    BLUE,
    CYCLE,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    Figure,
    canvas,
    finish,
    nothing,
    wide_left,
    words,
    written,
)
from abm.analysis.figures.facts import (
    LAYER_NAMES,
    lacks,
    layer_totals,
    layers_of,
    mark_shocks,
    rows_of,
    scenario_of,
    time_title,
    times,
)
from abm.analysis.summary import what_was_left_out
from abm.recording.schemas import outcome_of
from abm.scenario.waterfall import FUNDED, LAYERS
from abm.units import format_usd

if TYPE_CHECKING:
    from abm.recording.results import RunResults

# So many of the largest losers are drawn against the funds.
MOST_LOSERS = 25
# Layers that are drawn even where they paid nothing; others only where they did.
ALWAYS_DRAWN = ("insurance fund", "socialised", "nobody")


def loss_over_time(results: RunResults) -> Figure:
    """Return the loss with and without the shocks, against the price."""
    title = "Loss over time against the price"
    caption = (
        "Loss in dollars: bad debt so far, and the true shortfall of accounts still open "
        "(negative equity at the true price, which the venue may not see yet)."
    )
    if why := lacks(results, "steps", "loss_usd", "bad_debt_usd", "price_usd"):
        return nothing(title, caption, why, unit="USD")
    steps = results.table("steps")
    moments = times(results, steps["second"])
    plot = make_subplots(specs=[[{"secondary_y": True}]], figure=canvas())
    for column, name, line, right in (
        ("price_usd", "price (right)", {"color": GREY, "width": 1.2}, True),
        ("loss_usd", "loss: bad debt and shortfall", {"color": RED, "width": 2}, False),
        ("bad_debt_usd", "of it, bad debt", {"color": ORANGE, "width": 2, "dash": "dot"}, False),
    ):
        plot.add_scatter(x=moments, y=steps[column], name=name, line=line, secondary_y=right)
    pair = results.counterfactual
    if pair is not None and pair.has("steps"):
        other = pair.table("steps")
        plot.add_scatter(
            x=times(results, other["second"]),
            y=other["loss_usd"],
            name=f"loss without {what_was_left_out(results)}",
            line={"color": BLUE, "width": 2},
            secondary_y=False,
        )
        caption += (
            " Blue is the same run, on the same random streams, "
            f"without {what_was_left_out(results)}."
        )
    mark_shocks(results, plot)
    figure = finish(Figure(title, caption, plot, "USD"), x=time_title(results))
    plot.update_yaxes(title_text="loss, USD", rangemode="tozero", secondary_y=False)
    plot.update_yaxes(title_text="price, USD", showgrid=False, tickmode="auto", secondary_y=True)
    return figure


def waterfall(results: RunResults) -> Figure:
    """Return who paid the bad debt, layer by layer, with and without the shocks."""
    title = "The loss waterfall"
    caption = "Who paid the losses that accounts left, in the order of the waterfall."
    fund = fund_at_start(results)
    if fund is not None:
        funds = "funds of all venues" if several_venues(results) else "fund"
        caption = (
            "Who paid the losses that accounts left, in the order of the waterfall: the insurance "
            f"{funds}, {format_usd(fund)}, first."
        )
    runs = [("this run", RED, _paid(results))]
    pair = results.counterfactual
    if pair is not None:
        runs = [
            ("with the shocks", RED, _paid(results)),
            (f"without {what_was_left_out(results)}", BLUE, _paid(pair)),
        ]
    used = [
        name
        for name in runs[0][2]
        if name in ALWAYS_DRAWN or any(paid.get(name) for _, _, paid in runs)
    ]
    plot = canvas()
    for label, colour, amounts in runs:
        paid = {name: amounts.get(name, 0.0) for name in used}
        values = list(paid.values())
        bases = [sum(values[:place]) for place in range(len(values))]
        plot.add_bar(
            x=[*paid, "bad debt"],
            y=[*values, sum(values)],
            base=[*bases, 0.0],
            name=label,
            marker_color=colour,
            text=[format_usd(value) for value in [*values, sum(values)]],
            textposition="outside",
            hovertemplate="%{x}: %{text}<extra></extra>",
            cliponaxis=False,
        )
    figure = finish(Figure(title, caption, plot, "USD"), hovermode="closest", barmode="group")
    plot.update_yaxes(title_text="USD", rangemode="tozero")
    return figure


def _paid(results: RunResults) -> dict[str, float]:
    """Return what each layer paid: from the table of losses, or from the run's outcomes."""
    if results.has("waterfall"):
        return layer_totals(results)
    outcome = results.outcome
    return {
        LAYER_NAMES[f"{layer}_usd"]: outcome.get(outcome_of(layer)) or 0.0 for layer in LAYERS
    } | {"nobody": outcome.get("uncovered_usd") or 0.0}


def losses_by_cause(results: RunResults) -> Figure:
    """Return the bad debt by the shock that held its liquidations up longest."""
    title = "Bad debt by what held it up"
    caption = (
        "The bad debt of each liquidation, put down to a theft where most of it is that tokens "
        "stood for nothing, to the shock that held it up longest where one did, or to the market. "
        "An accounting: what the shocks caused is the difference from the paired run."
    )
    for table in ("liquidations", "messages", "events", "auctions"):
        if not results.has(table):
            return nothing(title, caption, lacks(results, table), unit="USD")
    if not {"channels", "shocks", "clock"} <= set(scenario_of(results)):
        why = "The scenario of this run is not known here, so neither are its shocks."
        return nothing(title, caption, why, unit="USD")
    found = loss_by_cause(results)
    if not float(found["bad_debt_usd"].sum()):
        return nothing(title, caption, "No account left a loss in this run.", unit="USD")
    found = found.reverse()
    labels = [words(cause) for cause in found["cause"]]
    plot = canvas()
    plot.add_bar(
        y=labels,
        x=found["bad_debt_usd"],
        orientation="h",
        marker_color=[GREY if cause == MARKET else RED for cause in found["cause"]],
        text=[
            f"{format_usd(usd)}, {count:,} liquidations"
            for usd, count in found.select("bad_debt_usd", "liquidations").iter_rows()
        ],
        textposition="auto",
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    figure = Figure(title, caption, plot, "USD")
    return finish(
        figure,
        x="bad debt, USD",
        height=130 + 46 * len(labels),
        margin=wide_left(labels),
        hovermode="closest",
    )


def losses_by_chain(results: RunResults) -> Figure:
    """Return what each layer paid for the accounts of each chain."""
    title = "Bad debt by chain and layer"
    caption = (
        "The losses that accounts left, by the chain on which their collateral stood and by the "
        "layer that paid."
    )
    if why := lacks(results, "waterfall"):
        reason = "No account left a loss in this run." if results.has("waterfall") else why
        return nothing(title, caption, reason, unit="USD")
    losses = rows_of(results, "waterfall")
    layers = layers_of(losses)
    sums = losses.group_by("chain").agg(pl.col(list(layers)).sum()).sort("chain")
    plot = canvas()
    for (column, name), colour in zip(layers.items(), CYCLE * 2, strict=False):
        plot.add_bar(
            x=sums["chain"],
            y=sums[column],
            name=name,
            marker_color=colour,
            text=written(sums[column].to_list(), "USD"),
            hovertemplate="%{x}, " + name + ": %{text}<extra></extra>",
        )
    figure = Figure(title, caption, plot, "USD")
    return finish(figure, y="USD", barmode="stack", hovermode="closest")


def layer_exhaustion(results: RunResults) -> Figure:
    """Return what every funded layer holds over time."""
    title = "What the funds hold"
    caption = (
        "Dollars left in each funded layer of the waterfall over time; a layer at zero is "
        "exhausted, and the next one pays."
    )
    if why := lacks(results, "steps", "fund_usd"):
        return nothing(title, caption, why, unit="USD")
    steps = results.table("steps")
    funded = [f"{layer}_usd" for layer in FUNDED if f"{layer}_usd" in steps.columns]
    # A layer that a scenario does not have is empty from the first step on.
    names = [name for name in funded if name == "fund_usd" or steps[name].max() != 0]
    plot = canvas()
    ends = []
    for column, colour in zip(names, CYCLE, strict=False):
        label = LAYER_NAMES[column]
        plot.add_scatter(
            x=times(results, steps["second"]),
            y=steps[column],
            name=label,
            line={"color": colour, "width": 2, "shape": "hv"},
        )
        empty = steps.filter(pl.col(column) <= 0)
        if len(empty) and steps[column][0] > 0:
            when = times(results, empty["second"][:1])[0]
            ends.append(f"The {label} is exhausted at {when:%Y-%m-%d %H:%M} UTC.")
    mark_shocks(results, plot)
    figure = Figure(title, " ".join([caption, *ends]), plot, "USD")
    plot.update_yaxes(rangemode="tozero")
    return finish(figure, x=time_title(results), y="USD", showlegend=True)


def cover_k(results: RunResults) -> Figure:
    """Return the losses of the k largest losers, added up, against the funded layers."""
    title = "Cover-k: how many of the largest losers the fund covers"
    caption = (
        "The bad debt of the largest losers, added up from the largest on, against what the "
        f"insurance {'funds of all venues' if several_venues(results) else 'fund'} held at the "
        "start."
    )
    if why := lacks(results, "liquidations", "bad_debt_usd"):
        return nothing(title, caption, why, unit="USD")
    debts = (
        results.table("liquidations").group_by("account").agg(pl.col("bad_debt_usd").sum())
    ).filter(pl.col("bad_debt_usd") > 0)
    debts = debts.sort("bad_debt_usd", "account", descending=[True, False])
    if debts.is_empty():
        return nothing(title, caption, "No account left a loss in this run.", unit="USD")
    fund = fund_at_start(results)
    total = debts["bad_debt_usd"].cum_sum()
    shown = min(len(debts), MOST_LOSERS)
    plot = canvas()
    plot.add_bar(
        x=list(range(1, shown + 1)),
        y=total[:shown],
        name=f"loss of the k largest of {len(debts):,} losers",
        marker_color=RED,
        customdata=written(total[:shown].to_list(), "USD"),
        hovertemplate="the %{x} largest: %{customdata}<extra></extra>",
    )
    if fund is not None:
        covered = int((total <= fund).sum())
        plot.add_hline(y=fund, line={"color": BLUE, "width": 2, "dash": "dash"})
        plot.add_scatter(
            x=[None],
            y=[None],
            mode="lines",
            name=f"insurance {'funds' if several_venues(results) else 'fund'}, {format_usd(fund)}",
            line={"color": BLUE, "dash": "dash"},
        )
        whose = "Together they cover" if several_venues(results) else "It covers"
        caption += f" {whose} the {covered:,} largest of {len(debts):,}."
    figure = Figure(title, caption, plot, "USD")
    return finish(figure, x="k, number of losers", y="USD", hovermode="closest")


def fund_at_start(results: RunResults) -> float | None:
    """Return what insurance funds held at the start, in dollars, where the tables tell."""
    scenario = scenario_of(results)
    fund = scenario.get("waterfall", {}).get("insurance_fund_usd")
    if fund is not None:
        further = scenario.get("further_venues", {}).values()
        fund = fsum((fund, *(venue["insurance_fund_usd"] for venue in further)))
    if fund is None and results.has("steps") and len(results.table("steps")):
        fund = results.table("steps")["fund_usd"][0]
    return None if fund is None else float(fund)


def several_venues(results: RunResults) -> bool:
    """Return whether a run has more than one venue."""
    return bool(scenario_of(results).get("further_venues"))


def losses_by_kind(results: RunResults) -> Figure:
    """Return the bad debt by kind of trader."""
    title = "Bad debt by kind of trader"
    caption = "Which kinds of trader left the losses, and how many accounts of each did."
    if why := lacks(results, "liquidations"):
        return nothing(title, caption, why, unit="USD")
    if why := lacks(results, "accounts"):
        return nothing(title, caption, why, unit="USD")
    debts = results.table("liquidations").group_by("account").agg(pl.col("bad_debt_usd").sum())
    kinds = rows_of(results, "accounts").filter(moment="start").select("account", "kind")
    by_kind = (
        debts.filter(pl.col("bad_debt_usd") > 0)
        .join(kinds, on="account")
        .group_by("kind")
        .agg(pl.col("bad_debt_usd").sum(), pl.len().alias("losers"))
        .sort("bad_debt_usd")
    )
    if by_kind.is_empty():
        return nothing(title, caption, "No account left a loss in this run.", unit="USD")
    labels = [words(kind) for kind in by_kind["kind"]]
    plot = canvas()
    plot.add_bar(
        y=labels,
        x=by_kind["bad_debt_usd"],
        orientation="h",
        marker_color=PURPLE,
        text=[
            f"{format_usd(usd)}, {count:,} accounts"
            for usd, count in by_kind.select("bad_debt_usd", "losers").iter_rows()
        ],
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    return finish(
        Figure(title, caption, plot, "USD"),
        x="bad debt, USD",
        height=130 + 46 * len(labels),
        margin=wide_left(labels),
        hovermode="closest",
    )


FIGURES = (
    loss_over_time,
    waterfall,
    losses_by_cause,
    losses_by_chain,
    losses_by_kind,
    layer_exhaustion,
    cover_k,
)
"""The figures of losses of one run, in their order; a new one is one function and one line."""
