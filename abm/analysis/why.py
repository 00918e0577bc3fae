"""Why an account lost: its liquidations told from the tables of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from abm.analysis.causes import missing_backing
from abm.analysis.delays import HeldUp, held_up, in_order
from abm.analysis.moments import Moment, listed, payers
from abm.analysis.summary import what_was_left_out
from abm.analysis.tale import Tale
from abm.errors import ResultsError
from abm.recording.schemas import SCHEMAS
from abm.units import MICRO, dollars, format_duration, format_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.recording.results import RunResults

Row = dict[str, Any]

LAYERS = tuple(name for name in SCHEMAS["waterfall"].names if name.endswith("_usd"))

# A number with more digits than this is a typing error that nobody wants to read again.
MOST_DIGITS = 12


@dataclass(frozen=True)
class Story:
    """What happened to one account.

    Attributes
    ----------
    account : int
        Its number.
    kind : str
        Kind of trader, ``market_maker`` or ``house``.
    venue : str or None
        Where it trades, in a run of several venues.
    start_utc : datetime
        The moment of second 0.
    moments : tuple of Moment
        In order of time; the first says what the account had at the start of the run.
    liquidations : int
        How often it was liquidated.
    bad_debt_usd : float
        What it left to others, in dollars.
    paid_usd : dict of str to float
        Of it, what each layer paid, by column of the `waterfall` table; ``uncovered_usd`` is what
        nobody did.
    unbacked_usd : float
        Of the bad debt, what tokens that were sold did not stand for, in dollars.
    held_up : tuple of HeldUp
        What held up the liquidations that left bad debt, or all of them where none did; the
        longest first.
    left_out : str or None
        What the counterfactual ran without, where there is one.
    without_usd : float or None
        The bad debt that the account left there, in dollars.
    """

    account: int
    kind: str
    venue: str | None
    start_utc: datetime
    moments: tuple[Moment, ...]
    liquidations: int
    bad_debt_usd: float
    paid_usd: dict[str, float]
    unbacked_usd: float
    held_up: tuple[HeldUp, ...]
    left_out: str | None
    without_usd: float | None


def largest_loser(results: RunResults) -> int | None:
    """Return the account that left the largest bad debt (ties: the lowest number), or None."""
    debts: dict[int, int] = {}
    for row in results.table("liquidations").iter_rows(named=True):
        debt = debts.get(row["account"], 0) + round(row["bad_debt_usd"] * MICRO)
        debts[row["account"]] = debt
    worst = min(debts, key=lambda account: (-debts[account], account), default=None)
    return worst if worst is not None and debts[worst] else None


def story(results: RunResults, account: int) -> Story:
    """Trace every liquidation of an account.

    Parameters
    ----------
    results : RunResults
        The run.
    account : int
        Number of the account.

    Raises
    ------
    ResultsError
        If the run has no such account.
    """
    start, scenario = _at_start(results, account), results.manifest.scenario
    pair = results.counterfactual
    rows = results.table("liquidations").filter(account=account).rows(named=True)
    tale = Tale(results, account)
    told = [moment for row in rows for moment in tale.moments(row)]
    losses = results.table("waterfall").filter(account=account)
    paid = {layer: _total(losses[layer].to_list()) for layer in LAYERS}
    return Story(
        account=account,
        kind=start["kind"],
        venue=str(start["venue"]) if scenario.get("further_venues") else None,
        start_utc=datetime.fromisoformat(scenario["clock"]["start_utc"]),
        # A late message may arrive when the account's next liquidation has begun.
        moments=(
            _opening(start, scenario),
            *sorted(told, key=lambda moment: moment.second),
        ),
        liquidations=len(rows),
        bad_debt_usd=_bad_debt(results, account),
        paid_usd=paid,
        unbacked_usd=_unbacked(results, rows),
        held_up=_held_up(results, rows),
        left_out=what_was_left_out(results) if pair is not None else None,
        without_usd=_bad_debt(pair, account) if pair is not None else None,
    )


def _at_start(results: RunResults, account: int) -> Row:
    accounts = results.table("accounts").filter(moment="start")
    # Compared outside Polars, which refuses integers of more than 64 bits.
    numbers: list[int] = accounts["account"].to_list()
    if account not in numbers:
        found = f"{account}" if abs(account) < 10**MOST_DIGITS else f"of over {MOST_DIGITS} digits"
        rule = f"an account is a whole number from {min(numbers)} to {max(numbers)}"
        raise ResultsError(results.folder, f"there is no account {found}; {rule}")
    return accounts.filter(account=account).row(0, named=True)


def _bad_debt(results: RunResults, account: int) -> float:
    liquidations = results.table("liquidations").filter(account=account)
    return _total(liquidations["bad_debt_usd"].to_list())


def _total(amounts_usd: Sequence[float]) -> float:
    """Add dollars up without rounding."""
    return dollars(sum(round(amount * MICRO) for amount in amounts_usd))


def _opening(start: Row, scenario: Row) -> Moment:
    silo = scenario["collateral"]["architecture"] == "silo"
    further = scenario.get("further_venues", {}).get(start.get("venue"), scenario["venue"])
    place = further["chain"] if silo else start["chain"]
    cash = start["cash_usd"]
    at_venue = f"{format_usd(abs(cash))} of {'cash' if cash >= 0 else 'debt'} at the venue"
    text = (
        f"The account has {format_usd(start['vault_usd'])} of {start['token']} in its vault "
        f"on {place}, {at_venue} and {format_usd(start['wallet_usd'])} outside: "
        f"equity of {format_usd(start['equity_usd'])} "
        f"against a requirement of {format_usd(start['maintenance_usd'])}."
    )
    return Moment(0, "start", text, start["equity_usd"])


def _unbacked(results: RunResults, rows: list[Row]) -> float:
    missing = missing_backing(results)
    return _total([min(row["bad_debt_usd"], dollars(missing[row["liquidation"]])) for row in rows])


def _held_up(results: RunResults, rows: list[Row]) -> tuple[HeldUp, ...]:
    waits = held_up(results)
    losing = [row for row in rows if row["bad_debt_usd"]] or rows
    total: dict[str, int] = {}
    for row in losing:
        for item in waits[row["liquidation"]]:
            total[item.shock] = total.get(item.shock, 0) + item.seconds
    return in_order(HeldUp(shock, length) for shock, length in total.items())


def write_story(told: Story) -> str:
    """Write a story as plain text: who it is about, one line for each moment, what it came to."""
    kind = told.kind.replace("_", " ")
    where = "" if told.venue is None else f", at {told.venue}"
    head = f"Account {told.account} ({kind}{where}), times in UTC"
    lines = [f"{clock(told, moment.second)}  {moment.text}" for moment in told.moments]
    return "\n".join([head, *lines, ending(told)])


def clock(told: Story, second: int) -> str:
    """Return the clock time of a second of the run, in UTC."""
    return f"{told.start_utc + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}"


def ending(told: Story) -> str:
    """Say in one line how much was lost, who paid, and what held it up for how long."""
    name = f"Account {told.account}"
    if told.liquidations:
        waits = [f"{item.shock} for {format_duration(item.seconds)}" for item in told.held_up]
        held = f"it was held up by {listed(waits)}" if waits else "no shock held it up"
        line = f"{name} {_outcome(told)}; {held}."
        if told.unbacked_usd:
            line += (
                f" {format_usd(told.unbacked_usd)} of it are tokens sold that stood for nothing."
            )
    else:
        line = f"{name} was never liquidated."
    if told.without_usd is None or not (told.bad_debt_usd or told.without_usd):
        return line
    loss = f"a loss of {format_usd(told.without_usd)}" if told.without_usd else "no loss"
    return f"{line} Without {told.left_out} it left {loss}."


def _outcome(told: Story) -> str:
    if told.bad_debt_usd:
        return f"left a loss of {format_usd(told.bad_debt_usd)}, paid {payers(told.paid_usd)}"
    times = "once" if told.liquidations == 1 else f"{told.liquidations} times"
    return f"fell below its requirement {times} and left no loss to others"
