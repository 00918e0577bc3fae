"""What a market has for accounts that must close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.venue import Side
from abm.venue.clearing import Offered

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.venue.conftest import Floor

FIRST, SECOND = 0b01, 0b10


def test_an_empty_market_has_nothing_for_anybody(floor: Floor) -> None:
    assert not Offered((floor.exchange,)).meets(FIRST | SECOND, FIRST | SECOND)


def test_longs_look_for_bids_and_shorts_for_asks_of_their_own_series(floor: Floor) -> None:
    floor.order(0, Side.BUY, 2, 40, series=0, rests=True)
    floor.order(1, Side.SELL, 2, 60, series=1, rests=True)
    offered = Offered((floor.exchange,))
    assert offered.meets(FIRST, 0)
    assert offered.meets(0, SECOND)
    assert not offered.meets(SECOND, FIRST)


def test_what_was_taken_is_forgotten_when_it_is_looked_at_again(floor: Floor) -> None:
    floor.buy(0, 2, 40, rests=True)
    offered = Offered((floor.exchange,))
    floor.sell(1, 1, 40)
    offered.look_again(Side.BUY, 0)
    assert offered.meets(FIRST, 0)
    floor.sell(1, 1, 40)
    offered.look_again(Side.BUY, 0)
    assert not offered.meets(FIRST, 0)


def test_a_side_is_there_while_any_of_several_venues_has_it(
    floor: Floor, make_floor: Callable[..., Floor]
) -> None:
    other = make_floor()
    other.buy(0, 1, 40, rests=True)
    offered = Offered((floor.exchange, other.exchange))
    offered.look_again(Side.BUY, 0)
    assert offered.meets(FIRST, 0)
