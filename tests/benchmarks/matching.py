"""How many single orders a book takes in a second, beside one written in Rust: ``make bench``.

The commands are drawn before the clock runs: half of them rest, three in ten cancel an order that
was placed before, and two in ten trade against what rests.
"""

from __future__ import annotations

import gc
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from abm.venue import Lifetime, Order, Side
from abm.venue.book import OrderBook
from tests.benchmarks.timing import compared, median_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    # An order, or the place in the list of the order to cancel.
    Commands = list[Order | int]

COMMANDS = 50_000
SHARE_RESTS, SHARE_CANCELS = 0.5, 0.3
FAIR_TICKS = 1_000
# A cancel is of one of this many latest orders.
REACH = 500


def drawn() -> Commands:
    """Return commands from a fixed seed, every order from an account of its own."""
    rng = np.random.default_rng(1)
    kinds = rng.random(COMMANDS).tolist()
    signs = rng.choice([1, -1], COMMANDS).tolist()
    away = rng.exponential(8.0, COMMANDS).astype(int).tolist()
    lots = rng.integers(1, 10, COMMANDS).tolist()
    back = rng.integers(1, REACH, COMMANDS).tolist()
    commands: Commands = []
    placed: list[int] = []
    for place, kind in enumerate(kinds):
        side = Side(signs[place])
        if kind < SHARE_RESTS:
            ticks = FAIR_TICKS - side * (1 + away[place])
            commands.append(Order(place, 0, side, lots[place], ticks, Lifetime.REST))
            placed.append(place)
        elif kind < SHARE_RESTS + SHARE_CANCELS and placed:
            commands.append(placed.pop(-min(back[place], len(placed))))
        else:
            commands.append(Order(place, 0, side, lots[place], FAIR_TICKS + side * 5))
    return commands


def through_our_book(commands: Commands) -> tuple[int, int]:
    """Send every command to the project's book; return the contracts that traded and that rest."""
    book = OrderBook()
    submit, cancel = book.submit, book.cancel_order
    traded = 0
    for place, command in enumerate(commands):
        if isinstance(command, int):
            cancel(command)
        else:
            for _, lots in submit(command, place):
                traded += lots
    return traded, sum(book.lots.values())


def through_bourse(commands: Commands, core: Any) -> Callable[[], tuple[int, int]]:  # noqa: ANN401 - it has no types
    """Return what sends the same commands to bourse's book, which keeps resting what is left."""
    numbers: dict[int, int] = {}
    asked: list[tuple[bool, int, int, int] | int] = []
    # bourse numbers all orders, and lets the rest of every one stand: it is cancelled at once.
    for place, command in enumerate(commands):
        if isinstance(command, int):
            asked.append(numbers[command])
            continue
        numbers[place] = len(numbers)
        buys = command.side is Side.BUY
        asked.append((buys, command.lots, command.account, command.limit_ticks))
        if command.lifetime is Lifetime.IMMEDIATE:
            asked.append(numbers[place])

    def send() -> tuple[int, int]:
        book = core.OrderBook(0, 1)
        place_order, cancel, set_time = book.place_order, book.cancel_order, book.set_time
        for place, command in enumerate(asked):
            if isinstance(command, int):
                cancel(command)
            else:
                # It loses orders that come at the same price and time.
                set_time(place)
                place_order(*command)
        traded = sum(trade[3] for trade in book.get_trades())
        return traded, book.bid_vol() + book.ask_vol()

    return send


def main() -> None:
    """Print orders in a second, and the ratio to bourse where it is installed."""
    commands = drawn()
    # They are the benchmark's own: the collector of garbage need not look through them.
    gc.freeze()

    def ours() -> tuple[int, int]:
        return through_our_book(commands)

    mix = f"{SHARE_RESTS:.0%} rest, {SHARE_CANCELS:.0%} cancels, the others trade"
    try:
        core = import_module("bourse.core")
    except ImportError:
        mine = median_seconds(ours, 25)
        print(f"one book: {COMMANDS / mine:,.0f} orders a second ({mix}); bourse has no build here")
        return
    theirs = through_bourse(commands, core)
    if ours() != theirs():
        raise AssertionError(f"contracts traded and resting: {ours()} here, {theirs()} in bourse")
    mine, other = compared(ours, theirs, 25)
    print(
        f"one book: {COMMANDS / mine:,.0f} orders a second ({mix}); bourse's book in Rust, from "
        f"Python, {COMMANDS / other:,.0f}, {mine / other:.1f} times as many; the same trades"
    )


if __name__ == "__main__":
    main()
