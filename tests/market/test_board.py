"""What oracles have published."""

from __future__ import annotations

from abm.market import PriceBoard, Round


def test_the_opening_round_stands_everywhere_and_a_fresh_one_on_its_chain_alone() -> None:
    opening, fresh = Round(100.0, 0.8, 0), Round(90.0, 0.9, 60)
    board = PriceBoard(("home", "far"), opening)
    assert [board["home"], board["far"]] == [opening, opening]
    board.publish("far", fresh)
    assert [board["home"], board["far"]] == [opening, fresh]
