"""A price that knows those of the other underlyings."""

from __future__ import annotations

import pickle

import pytest

from abm.market import SpotPrice, largest_move, worth_usd


def test_it_is_the_float_of_the_traded_price() -> None:
    price = SpotPrice(100.0, {"BTC": 7.0})
    assert price * 2 + 1 == 201.0
    assert price == 100.0
    assert hash(price) == hash(100.0)


def test_two_are_equal_only_if_all_prices_are() -> None:
    price = SpotPrice(100.0, {"BTC": 7.0})
    assert price == SpotPrice(100.0, {"BTC": 7.0})
    assert price != SpotPrice(100.0, {"BTC": 8.0})


def test_it_survives_pickling() -> None:
    back = pickle.loads(pickle.dumps(SpotPrice(100.0, {"BTC": 7.0})))  # noqa: S301 - our own bytes
    assert back == SpotPrice(100.0, {"BTC": 7.0})


def test_a_token_of_another_underlying_is_worth_that_or_an_error() -> None:
    assert worth_usd("BTC", SpotPrice(100.0, {"BTC": 7.0})) == 7.0
    with pytest.raises(KeyError, match="BTC"):
        worth_usd("BTC", 100.0)


def test_the_largest_move_is_that_of_any_price() -> None:
    before = SpotPrice(100.0, {"BTC": 50.0})
    assert largest_move(SpotPrice(90.0, {"BTC": 51.0}), before) == pytest.approx(0.1)
    assert largest_move(SpotPrice(101.0, {"BTC": 60.0}), before) == pytest.approx(0.2)
