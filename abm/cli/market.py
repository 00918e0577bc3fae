"""The commands on the market of a run: flow and facts; of several: extraction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from abm.analysis.estimates import Estimate
    from abm.analysis.order_flow.extraction import ExtractionRow

RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)
]


def flow(
    run: RunFolder,
    mine: Annotated[  # noqa: FBT002 - a switch of the command line
        bool, typer.Option("--mine", help="Predict moves from trades too, scored out of sample.")
    ] = False,
    private: Annotated[  # noqa: FBT002 - the same
        bool, typer.Option("--private", help="Show what privacy would cost, by epsilon.")
    ] = False,
    release: Annotated[
        float | None,
        typer.Option(min=1e-3, metavar="EPSILON", help="Give the statistics with this privacy."),
    ] = None,
    account_trades: Annotated[
        int, typer.Option(min=1, help="Trades that one account counts for, with privacy.")
    ] = 50,
    account_contracts: Annotated[
        int, typer.Option(min=1, help="Contracts that one account counts for, with privacy.")
    ] = 200,
) -> None:
    """Say who trades with whom, and how flow moves quotes: imbalance, impact, branching."""
    from abm.analysis.order_flow import flow_table, read_flow
    from abm.analysis.order_flow.private import Bounds, error_table
    from abm.analysis.order_flow.private import release as release_private
    from abm.recording.results import read_results

    results = read_results(run)
    for line in flow_table(results):
        typer.echo(f"{line.label:<20}{line.value:>44}  {line.how}")
    bounds = Bounds(account_trades, account_contracts)
    if mine:
        _predictions(run)
    if private:
        typer.echo("\nWith differential privacy of accounts:")
        typer.echo(f"{'':<20}{'epsilon':>8}{'exact':>12}{'bias':>12}{'noise':>12}{'error':>10}")
        for row in error_table(read_flow(results), bounds=bounds):
            typer.echo(
                f"{row.statistic:<20}{row.epsilon:>8g}{row.exact:>12,.3f}{row.bias:>12,.3f}"
                f"{row.deviation:>12,.3f}{row.relative_error:>10.1%}"
            )
    if release is not None:
        typer.echo(f"\nReleased with epsilon = {release:g}; another call gives other figures:")
        for name, value in release_private(read_flow(results), release, bounds).items():
            typer.echo(f"{name:<20}{value:>12,.3f}")


def _predictions(run: Path) -> None:
    from abm.analysis.order_flow import read_flow
    from abm.analysis.order_flow.mining import predict_moves
    from abm.recording.results import read_results

    results = read_results(run)
    typer.echo("\nSigns of the next five steps' moves, learned from trades before:")
    typer.echo(f"{'':<20}{'right':>8}{'commoner':>10}{'area':>8}{'error':>8}{'steps':>8}")
    found = predict_moves(results, read_flow(results))
    for row in found:
        typer.echo(
            f"{row.target:<20}{row.accuracy:>8.1%}{row.baseline:>10.1%}{row.area:>8.3f}"
            f"{row.standard_error:>8.3f}{row.count:>8,}"
        )
    if not found:
        typer.echo("too few moves to learn from")


def facts(run: RunFolder) -> None:
    """Set the stylised facts of a run beside their targets: met or missed, with the source."""
    from abm.analysis.facts import stylised_facts
    from abm.recording.results import read_results

    found = stylised_facts(read_results(run))
    for fact in found:
        measured = "-" if fact.measured is None else f"{fact.measured:,.3g}"
        typer.echo(
            f"{fact.label:<44}{measured:>10} {fact.unit:<7}{fact.target:>20}  "
            f"{fact.verdict:<8}{fact.source}"
        )
    met = sum(fact.met is True for fact in found)
    asked = sum(fact.met is not None for fact in found)
    typer.echo(f"{met} of {asked} facts met")


def extraction(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="STUDY|RUN ...", help="The folder of a study, or of runs.", show_default=False
        ),
    ],
) -> None:
    """Say by rule of ordering what searchers take, and what traders' orders cost and wait."""
    from abm.analysis.order_flow.extraction import extraction_rows, runs_of_study
    from abm.recording.results import read_results
    from abm.recording.study import STUDY, read_study

    runs = [
        run
        for folder in folders
        for run in (
            runs_of_study(read_study(folder))
            if (folder / STUDY).is_file()
            else [(read_results(folder), "")]
        )
    ]
    _print_extraction(extraction_rows(runs))


EXTRACTION_NOTE = """\
Take: what searchers gained after fees, thousands of USD a run; of it sniped: from quotes out of
date, and closed: from close-outs. Makers: what market makers gained. Ahead: % of contracts taken
ahead of orders, of those that orders traded. Slippage: USD a contract beyond the mark when asked;
change: from the first line, seed by seed; deviation: over contracts. Closing: USD a contract closed
for its owner, beyond the mark. Spread: quoted, in points of volatility. Delay: from asking to
settlement. Liquidation: breach to end.
"""


def _print_extraction(rows: list[ExtractionRow]) -> None:
    """Print who gains, then what it costs the others."""
    for cells in (_gains, _costs):
        for number, row in enumerate(rows):
            found = cells(row)
            if not number:
                headings = "".join(f"{heading:>13}" for heading in found)
                typer.echo(f"{'Rule':<14}{'Decrypted':>10}{headings}")
            after = _duration(row.decryption_delay_seconds, "-")
            line = "".join(f"{cell:>13}" for cell in found.values())
            typer.echo(f"{row.rule:<14}{after:>10}{line}  {row.also}".rstrip())
        typer.echo()
    runs = max((mean.count for row in rows for mean in row.means.values() if mean), default=0)
    of_runs = (
        "One run each" if runs == 1 else f"Means of up to {runs} runs, ± half the 95 % interval"
    )
    typer.echo(f"{EXTRACTION_NOTE}{of_runs}.")


def _gains(row: ExtractionRow) -> dict[str, str]:
    means = row.means
    return {
        "Take": _interval(means["take_usd"], 1e3),
        "Sniped": _interval(means["sniped_usd"], 1e3),
        "Closed": _interval(means["close_outs_usd"], 1e3),
        "Makers": _interval(means["makers_usd"], 1e3),
        "Ahead": _interval(means["front_run_share"], 0.01),
    }


def _costs(row: ExtractionRow) -> dict[str, str]:
    means = row.means
    delay, liquidation = means["delay_seconds"], means["liquidation_seconds"]
    return {
        "Slippage": _interval(means["slippage_usd"], 1.0, digits=2),
        "Change": _interval(row.slippage_change, 1.0, digits=2),
        "Deviation": _interval(means["slippage_deviation_usd"], 1.0),
        "Closing": _interval(means["close_out_cost_usd"], 1.0),
        "Spread": _interval(means["spread_volatility"], 0.01),
        "Delay": _duration(delay.value if delay else None, "none"),
        "Liquidation": _duration(liquidation.value if liquidation else None, "none"),
    }


def _duration(seconds: float | None, otherwise: str) -> str:
    from abm.units import format_duration

    return otherwise if seconds is None else format_duration(seconds)


def _interval(estimate: Estimate | None, scale: float, digits: int = 1) -> str:
    """Write a mean with half its interval."""
    if estimate is None:
        return "-"
    text = f"{estimate.value / scale:,.{digits}f}"
    if estimate.low is not None and estimate.high is not None:
        text += f" ± {(estimate.high - estimate.low) / 2 / scale:,.{digits}f}"
    return text


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (flow, facts, extraction):
        app.command()(command)
