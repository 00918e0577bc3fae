"""One thing that happened to an account, and how its sentence is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from abm.units import format_duration, format_usd

if TYPE_CHECKING:
    from abm.analysis.delays import Delay

Row = dict[str, Any]

# What happens first where several things happen in one second; the rest comes after these.
FIRST = (
    "margin_call_expires",
    "seizure_expires",
    "proceeds_expires",
    "breach",
    "margin_call_at_once",
    "margin_call_sent",
    "margin_call_arrives",
    "top_up",
    "seizure_at_once",
    "seizure_sent",
    "seizure_arrives",
    "auction_opens",
    "auction_ends",
    "proceeds_at_once",
    "proceeds_sent",
    "proceeds_arrives",
    "closing",
)

# What a wait in a shock of each kind is called.
WAITS = {
    "channel_halt": "in the halt of {place}",
    "chain_halt": "in the halt of {place}",
    "agent_outage": "waiting for a relayer to {place} while relayers were out",
    "gas_spike": "waiting for a relayer to {place} while gas was dear",
    "relayer_exit": "waiting for a relayer to {place} while relayers were gone",
    "liquidator_exit": "while liquidators were gone",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to an account.

    Attributes
    ----------
    second : int
        From the start of the run.
    kind : str
        What it is, such as ``breach`` or ``seizure_arrives``.
    text : str
        One sentence.
    usd : float or None
        The dollars it is about.
    shock : str or None
        The shock that held it up longest, where one did.
    held_seconds : int
        How long that shock held it up.
    liquidation : int or None
        The number of the liquidation that it belongs to.
    """

    second: int
    kind: str
    text: str
    usd: float | None = None
    shock: str | None = None
    held_seconds: int = 0
    liquidation: int | None = None


def about(
    row: Row,
    second: int,
    kind: str,
    text: str,
    *,
    usd: float | None = None,
    delay: Delay | None = None,
) -> Moment:
    """Return a moment of a liquidation, a row of its table."""
    shock, held = (delay.shock, delay.seconds) if delay is not None else (None, 0)
    return Moment(second, kind, text, usd, shock, held, row["liquidation"])


def order(moment: Moment) -> tuple[int, int]:
    """Return what to sort moments by: their time, then what comes first in one second."""
    rank = FIRST.index(moment.kind) if moment.kind in FIRST else len(FIRST)
    return moment.second, rank


def waited(delay: Delay | None) -> str:
    """Say where something waited, as the end of a sentence."""
    if delay is None:
        return ""
    where = WAITS[delay.kind].format(place=delay.place)
    return f", {format_duration(delay.seconds)} of it {where} ({delay.shock})"


def payers(loss: Row) -> str:
    """Say by whom a loss is paid, from a row of the waterfall or its sums.

    >>> payers({"fund_usd": 5.0, "socialised_usd": 0.0, "uncovered_usd": 1.0})
    'by the insurance fund (5.00 USD) and by nobody (1.00 USD)'
    """
    names = {
        "fund_usd": "by the insurance fund",
        "mutual_fund_usd": "by the mutual fund",
        "insurance_usd": "by the insurer",
        "backstop_usd": "by the backstop",
        "socialised_usd": "by all with cash at the venue",
        "deleveraged_usd": "out of others' profits",
        "uncovered_usd": "by nobody",
    }
    return listed(
        [f"{name} ({format_usd(loss[key])})" for key, name in names.items() if loss.get(key)]
    )


def listed(parts: list[str]) -> str:
    """Join parts as a sentence does.

    >>> listed(["one", "two", "three"])
    'one, two and three'
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
