"""What an owner takes out: cash first, since it needs no message, then collateral."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abm.units import MICRO

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Micro-dollars of cash, and base units of collateral by token."""

    micro_dollars: int
    units: tuple[int, ...]


def choose_withdrawal(
    wanted_usd: float,
    cash_micro_dollars: int,
    claim_units: Sequence[int],
    counted_usd: Sequence[float],
) -> Withdrawal:
    """Decide what to take out for an amount of margin that is free.

    Parameters
    ----------
    wanted_usd : float
        Margin to take out, in dollars; nothing is taken where it is not above 0.
    cash_micro_dollars : int
        Cash that can be paid; nothing where it is below 0.
    claim_units : sequence of int
        Base units of collateral that the venue counts, by token.
    counted_usd : sequence of float
        Margin that one base unit gives, in dollars, by token.

    Returns
    -------
    Withdrawal
        Never more margin than wanted: rounding is down.

    Examples
    --------
    Of 10 dollars wanted 4 are cash; 6 are 12 of the first token, of which there are only 8, so
    that 2 more dollars are one of the second.

    >>> choose_withdrawal(10.0, 4_000_000, [8, 5], [0.5, 2.0])
    Withdrawal(micro_dollars=4000000, units=(8, 1))
    """
    left = max(wanted_usd, 0.0)
    micro_dollars = min(max(cash_micro_dollars, 0), int(left * MICRO))
    left -= micro_dollars / MICRO
    units = []
    for held, worth in zip(claim_units, counted_usd, strict=True):
        taken = min(held, int(max(left, 0.0) / worth)) if worth > 0 else 0
        units.append(taken)
        left -= taken * worth
    return Withdrawal(micro_dollars, tuple(units))
