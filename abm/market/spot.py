"""The price of the traded underlying, together with those of the others at the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class SpotPrice(float):
    """A price in dollars that knows those of the other underlyings at the same moment.

    Options, margin and fees need the traded price alone and read this as the float it is; what
    values tokens reads the others, too, so that no venue can count two prices of different times
    as one. Two of them are equal only if all their prices are.

    Parameters
    ----------
    price_usd : float
        Of the traded underlying.
    others_usd : mapping of str to float
        Of the others, by name.

    Examples
    --------
    >>> price = SpotPrice(2_000.0, {"BTC": 60_000.0})
    >>> float(price / 2), worth_usd("BTC", price), worth_usd("underlying", price)
    (1000.0, 60000.0, 2000.0)
    """

    __slots__ = ("others_usd",)

    others_usd: Mapping[str, float]

    def __new__(cls, price_usd: float, others_usd: Mapping[str, float]) -> Self:
        """Make a float that carries the others."""
        price = super().__new__(cls, price_usd)
        price.others_usd = others_usd
        return price

    def __eq__(self, other: object) -> bool:
        """Compare all prices with another spot price's, the traded one with a number."""
        if isinstance(other, SpotPrice) and self.others_usd != other.others_usd:
            return False
        return float(self) == other

    def __ne__(self, other: object) -> bool:
        """Return the opposite, since float has a comparison of its own."""
        return not self == other

    # Equal ones have equal ones, since equal ones have the same traded price.
    __hash__ = float.__hash__

    def __reduce__(self) -> tuple[type[SpotPrice], tuple[float, dict[str, float]]]:
        """Pickle all prices."""
        return SpotPrice, (float(self), dict(self.others_usd))


def worth_usd(worth: str, price_usd: float) -> float:
    """Return what one token is worth that is worth a dollar, the underlying or another underlying.

    Parameters
    ----------
    worth : str
        ``dollar``, ``stable`` (a dollar at its peg), ``underlying`` or another underlying's name.
    price_usd : float
        Price of the traded underlying; a `SpotPrice` where another's is asked for.

    Raises
    ------
    KeyError
        If it is worth an underlying that the price knows nothing of.
    """
    if worth in ("dollar", "stable"):
        return 1.0
    if worth == "underlying":
        return float(price_usd)
    if not isinstance(price_usd, SpotPrice):
        raise KeyError(f"the price of {worth} is not known where only that of the traded one is")
    return price_usd.others_usd[worth]


def scaled(price_usd: float, factor: float) -> float:
    """Return a price times a factor, with those of the others if it knows them.

    >>> price = scaled(SpotPrice(100.0, {"BTC": 75.0}), 2.0)
    >>> float(price), worth_usd("BTC", price)
    (200.0, 150.0)
    """
    if not isinstance(price_usd, SpotPrice):
        return price_usd * factor
    others = {name: price * factor for name, price in price_usd.others_usd.items()}
    return SpotPrice(float(price_usd) * factor, others)


def largest_move(now: float, before: float) -> float:
    """Return the largest relative change of any price between two moments, at least 0.

    >>> largest_move(SpotPrice(100.0, {"BTC": 75.0}), SpotPrice(100.0, {"BTC": 100.0}))
    0.25
    """
    move = abs(now / before - 1.0)
    if isinstance(now, SpotPrice) and isinstance(before, SpotPrice):
        for name, price in now.others_usd.items():
            move = max(move, abs(price / before.others_usd[name] - 1.0))
    return move
