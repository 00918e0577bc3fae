"""Who pays the loss that an account leaves: one layer after another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from abm.venue.layers import Deleveraging, Purse, SharedFund, Socialisation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from abm.ledger import CashBook, Holders, TokenLedger
    from abm.venue.layers import Layer, Standing


@dataclass(frozen=True)
class WaterfallUse:
    """Micro-dollars that layers paid for a loss; ``uncovered`` is what none could.

    Examples
    --------
    >>> use = WaterfallUse({"fund": 5, "socialised": 2}, uncovered=1)
    >>> use.total, use.of("fund"), use.of("backstop")
    (8, 5, 0)
    """

    paid: Mapping[str, int] = field(default_factory=dict)
    uncovered: int = 0

    def of(self, layer: str) -> int:
        """Return what one layer paid."""
        return self.paid.get(layer, 0)

    @property
    def total(self) -> int:
        """The whole loss."""
        return sum(self.paid.values()) + self.uncovered

    def plus(self, other: WaterfallUse) -> WaterfallUse:
        """Return the layers' use for two losses together."""
        names = dict.fromkeys([*self.paid, *other.paid])
        return WaterfallUse(
            {name: self.of(name) + other.of(name) for name in names},
            self.uncovered + other.uncovered,
        )


class Waterfall:
    """The layers of one venue, in order.

    Parameters
    ----------
    ledger, cash, holders : TokenLedger, CashBook, Holders
        The funds' tokens and the accounts' cash.
    layers : sequence of Layer, optional
        The insurance fund, then all who have cash, if not given.
    fund : int, optional
        Holder of the venue's insurance fund; the first venue's if not given.

    Attributes
    ----------
    paid : WaterfallUse
        All losses so far.
    own_at_start, fund_at_start : int
        What `own` and `fund` were when the run began.
    exhausted : dict of str to int
        When each layer first was empty and had not paid all, in seconds.
    standing : Standing or None
        How accounts stand now; set by whoever knows, if any layer `asks`.
    """

    def __init__(
        self,
        ledger: TokenLedger,
        cash: CashBook,
        holders: Holders,
        layers: Sequence[Layer] = (),
        fund: int | None = None,
    ) -> None:
        self._ledger = ledger
        self._cash = cash
        self._fund = holders.fund if fund is None else fund
        self.layers = tuple(layers) or (
            Purse("fund", ledger, cash, self._fund),
            Socialisation(cash),
        )
        self.paid = WaterfallUse()
        self.own_at_start = 0
        self.fund_at_start = 0
        self.exhausted: dict[str, int] = {}
        self.standing: Standing | None = None

    def fund(self) -> int:
        """Return what the insurance fund holds, in micro-dollars."""
        return self._ledger.balance(self._fund, self._cash.token)

    def own(self) -> int:
        """Return what is left of the insurance fund and of what the venue gave to a shared one."""
        given = sum(layer.own() for layer in self.layers if isinstance(layer, SharedFund))
        return self.fund() + given

    def set_aside(self) -> int:
        """Return what all funded layers have left, in micro-dollars."""
        return sum(layer.left() for layer in self.layers)

    @property
    def asks(self) -> bool:
        """Whether a layer shares by how accounts stand."""
        return any(layer.name in ("mutual_fund", "deleveraged") for layer in self.layers)

    @property
    def cutting(self) -> tuple[Socialisation | Deleveraging, ...]:
        """The layers that take from other accounts."""
        return tuple(
            layer for layer in self.layers if isinstance(layer, Socialisation | Deleveraging)
        )

    def pay(self, account: int, now: int = 0) -> WaterfallUse:
        """Bring an account's cash from below zero to zero; what no layer covers stays owed."""
        rest = max(-int(self._cash.balances[account]), 0)
        paid = {}
        for layer in self.layers:
            use = layer.pay(account, rest, self.standing)
            paid[layer.name] = use
            rest -= use
            if rest and not layer.left():
                self.exhausted.setdefault(layer.name, now)
        found = WaterfallUse(paid, rest)
        self.paid = self.paid.plus(found)
        return found
