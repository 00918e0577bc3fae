"""The commands that ask many runs about contagion, from history to shrink."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when the program runs
from typing import Annotated

import typer

from abm.cli.contagion import (
    AsJson,
    Outcome,
    Overrides,
    Replicates,
    ScenarioFile,
    Workers,
    as_scenario_error,
    echo_json,
    progress_of,
    show_table,
    written,
)
from abm.errors import Problem, ScenarioError


def importance(
    scenario: ScenarioFile,
    at_hours: Annotated[
        float | None, typer.Option(help="When each fails; at the first scheduled shock.")
    ] = None,
    duration_hours: Annotated[
        float | None, typer.Option(help="For how long; six hours or the rest of the run.")
    ] = None,
    outcome: Outcome = "loss_usd",
    replicates: Replicates = 4,
    workers: Workers = 1,
    set_: Overrides = None,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Rank a second set of seeds; compare the first three.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fail every chain, channel, relayer, oracle and market maker in turn; rank what it costs."""
    from abm.scenario import load_scenario
    from abm.studies.importance import importance as rank

    loaded = load_scenario(scenario, tuple(set_ or ()))
    found = []
    for first in (0, replicates) if again else (0,):
        with progress_of(loaded.name, 0) as progress, as_scenario_error(scenario):
            ranking = rank(
                loaded,
                at_hours=at_hours,
                duration_hours=duration_hours,
                outcome=outcome,
                replicates=replicates,
                first=first,
                workers=workers,
                progress=progress,
            )
        found.append(ranking)
    if as_json:
        echo_json(found[0])
        return
    for ranking in found:
        show_table(
            f"{loaded.name}: {outcome} added by a failure of {ranking.duration_hours:g} hours at "
            f"hour {ranking.at_hours:g}, seeds {ranking.seeds[0]} to {ranking.seeds[-1]}",
            ("fails", "loss added [95%]", "DebtRank impact", "vulnerability"),
            [
                (
                    entity.name,
                    written(entity.knock_out, outcome),
                    f"{entity.impact:.1%}",
                    f"{entity.vulnerability:.1%}",
                )
                for entity in ranking.entities
            ],
        )
        agrees = ranking.rank_correlation
        told = "not defined" if agrees is None else written(agrees, "correlation")
        typer.echo(f"rank correlation of DebtRank with the simulated loss: {told}")
    if again:
        same = found[0].first() == found[1].first()
        first_three = [", ".join(ranking.first()) for ranking in found]
        typer.echo(
            f"the first three are the same in both sets: {first_three[0]}"
            if same
            else f"the first three differ: {first_three[0]}; then {first_three[1]}"
        )


def history(
    scenario: ScenarioFile,
    replicates: Replicates = 20,
    workers: Workers = 1,
    set_: Overrides = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Set what is reported of an event beside what its scenario gives, over seeds."""
    from abm.scenario import load_scenario
    from abm.studies.history import compare_with_history

    loaded = load_scenario(scenario, tuple(set_ or ()))
    with progress_of(loaded.name, replicates) as progress, as_scenario_error(scenario):
        found = compare_with_history(
            loaded, replicates=replicates, workers=workers, progress=progress
        )
    if as_json:
        echo_json(
            [
                {"name": item.name, **item.reported.model_dump(), "values": item.values}
                for item in found
            ]
        )
        return

    def number(value: float | None) -> str:
        return "none" if value is None else f"{value:,.3g}"

    show_table(
        f"{loaded.name}: what is reported, and {replicates} runs",
        ("measure", "reported", "median", "5 % to 95 %", "runs inside", "the median is"),
        [
            (
                item.name.replace("_", " "),
                f"{number(item.reported.low)} to {number(item.reported.high)}",
                number(item.quantile(0.5)),
                f"{number(item.quantile(0.05))} to {number(item.quantile(0.95))}",
                "none" if item.inside is None else f"{item.inside:.0%}",
                item.verdict or "unknown",
            )
            for item in found
        ],
    )
    for item in found:
        typer.echo(f"{item.name.replace('_', ' ')}: {item.reported.source}")


def layers(
    scenario: ScenarioFile,
    replicates: Replicates = 8,
    workers: Workers = 1,
    set_: Overrides = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say how often each layer of the waterfall pays and is exhausted, over seeds."""
    from abm.scenario import load_scenario
    from abm.studies.layers import layer_risk
    from abm.units import format_usd

    loaded = load_scenario(scenario, tuple(set_ or ()))
    with progress_of(loaded.name, replicates) as progress, as_scenario_error(scenario):
        found = layer_risk(loaded, replicates=replicates, workers=workers, progress=progress)
    if as_json:
        echo_json(found)
        return
    show_table(
        f"{loaded.name}: the layers of the waterfall, {replicates} replicates",
        ("layer", "size", "paid, mean [95%]", "P(pays)", "P(exhausted)"),
        [
            (
                risk.layer.replace("_", " "),
                "" if risk.size_usd is None else format_usd(risk.size_usd),
                written(risk.paid, "paid_usd"),
                written(risk.used, "probability"),
                written(risk.exhausted, "probability"),
            )
            for risk in found
        ],
    )


def reverse(  # noqa: PLR0913 - each is an option of the command
    scenario: ScenarioFile,
    worst_fall: Annotated[
        float, typer.Option(help="Largest fall of the price that is searched, as a share.")
    ] = 0.5,
    worst_halt_hours: Annotated[
        float | None, typer.Option(help="Longest halt of all channels; the rest of the run.")
    ] = None,
    divisions: Annotated[int, typer.Option(min=1, help="Fineness of the fan of shocks.")] = 1,
    halvings: Annotated[int, typer.Option(min=0, help="Bisections on each ray.")] = 4,
    replicates: Replicates = 2,
    workers: Workers = 1,
    set_: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Parquet file for the frontier.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Search the smallest fall, halt and loss of relayers that exhaust each layer."""
    from abm.scenario import load_scenario
    from abm.studies.reverse import default_axes, frontier_table, reverse_stress

    loaded = load_scenario(scenario, tuple(set_ or ()))
    if out is not None and out.suffix != ".parquet":
        raise ScenarioError("abm reverse", [Problem("--out", str(out), "it must end in .parquet")])
    prepared, axes = default_axes(loaded, worst_fall=worst_fall, worst_halt_hours=worst_halt_hours)
    with progress_of(loaded.name, 0) as progress, as_scenario_error(scenario):
        found = reverse_stress(
            prepared,
            axes,
            divisions=divisions,
            halvings=halvings,
            replicates=replicates,
            workers=workers,
            progress=progress,
        )
    if out is not None:
        frontier_table(found).write_parquet(out)
    if as_json:
        echo_json(found)
        return
    names = [axis.name for axis in axes]
    rows = []
    for layer in dict.fromkeys(point.layer for point in found.points):
        for point in found.points:
            if point.layer != layer:
                continue
            note = "smallest" if point is found.smallest(layer) else ""
            shock = [f"{point.shock[name]:.3g}" for name in names]
            if point.size is None:
                shock, note = [f"> {value}" for value in shock], "not enough"
            rows.append((layer, *shock, note if point.monotone else f"{note} (not monotone)"))
    share = f"in {found.share:.0%} of {len(found.seeds)} seeds"
    show_table(
        f"{loaded.name}: smallest shocks that exhaust each layer {share}, {found.runs} runs",
        ("layer", *(name.replace("_", " ") for name in names), ""),
        rows,
    )


def shares(
    scenario: ScenarioFile,
    switch: Annotated[
        list[str] | None,
        typer.Option(help="A channel of contagion to divide among; all open ones if not given."),
    ] = None,
    outcome: Outcome = "loss_usd",
    replicates: Replicates = 4,
    workers: Workers = 1,
    set_: Overrides = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Divide the loss among the channels of contagion: one at a time, and by Shapley value."""
    from abm.scenario import load_scenario
    from abm.scenario.contagion import open_switches
    from abm.studies.shares import contagion_shares

    loaded = load_scenario(scenario, tuple(set_ or ()))
    count = 2 ** len(switch or open_switches(loaded)) * replicates
    with progress_of(loaded.name, count) as progress, as_scenario_error(scenario):
        found = contagion_shares(
            loaded,
            switches=tuple(switch or ()),
            outcome=outcome,
            replicates=replicates,
            workers=workers,
            progress=progress,
        )
    if as_json:
        echo_json(found)
        return
    rows = [
        (
            share.switch.replace("_", " "),
            written(share.shapley, outcome),
            written(share.alone_off, outcome),
            written(share.alone_on, outcome),
        )
        for share in found.switches
    ]
    rows.append(("without any", written(found.without_any, outcome), "", ""))
    rows.append(("all", written(found.total, outcome), "", ""))
    show_table(
        f"{loaded.name}: {outcome} by channel of contagion, {replicates} replicates, "
        f"{found.runs} runs",
        ("channel", "share (Shapley) [95%]", "less if closed alone", "more if opened alone"),
        rows,
    )


def shrink(
    scenario: ScenarioFile,
    fails: Annotated[
        str, typer.Option(help="What a failing run shows: 'loss_usd > 100_000', or 'broken'.")
    ],
    out: Annotated[Path, typer.Option(help="Scenario file to write (TOML).")],
    most_runs: Annotated[int, typer.Option(min=1, help="Stop after so many runs.")] = 500,
    set_: Overrides = None,
) -> None:
    """Find the smallest scenario that still fails, and write it as a scenario file."""
    from abm.recording.files import write_text
    from abm.scenario import load_scenario
    from abm.studies.shrink import failing, scenario_text
    from abm.studies.shrink import shrink as make_small

    loaded = load_scenario(scenario, tuple(set_ or ()))
    if out.suffix != ".toml":
        raise ScenarioError("abm shrink", [Problem("--out", str(out), "it must end in .toml")])
    with progress_of(loaded.name, most_runs) as progress, as_scenario_error(scenario):
        found = make_small(loaded, failing(fails), most_runs=most_runs, progress=progress)
    write_text(out, scenario_text(found.scenario))
    for step in found.steps:
        typer.echo(step)
    typer.echo(f"{out}: {len(found.steps)} steps smaller, after {found.runs} runs")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (history, importance, layers, reverse, shares, shrink):
        app.command()(command)
