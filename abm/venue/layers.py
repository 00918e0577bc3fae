"""The layers of a waterfall, each a small class with the methods of `Layer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from abm.venue.sharing import draw_in_order, draw_on, share_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.ledger import CashBook, TokenLedger

Sharing = Literal["tranche", "requirement", "volume"]


@dataclass(frozen=True)
class Standing:
    """How accounts and the venue stand, for layers that share by it.

    Attributes
    ----------
    profit : ndarray of int64, shape (accounts,)
        Micro-dollars that each has gained, at least 0.
    rank : ndarray, shape (accounts,)
        Who is deleveraged first: the highest.
    requirement, volume : tuple of int
        Micro-dollars of initial margin that each venue requires, and of premium traded there.
    """

    profit: NDArray[np.int64]
    rank: NDArray[np.float64]
    requirement: tuple[int, ...]
    volume: tuple[int, ...]


class Layer(Protocol):
    """One layer: it pays what it can of a debt into the debtor's cash.

    Attributes
    ----------
    name : str
        One of `abm.scenario.waterfall.LAYERS`.
    """

    name: str

    def pay(self, account: int, debt: int, standing: Standing | None) -> int:
        """Pay up to ``debt`` micro-dollars into an account's cash; return how many."""
        ...

    def left(self) -> int:
        """Return the micro-dollars set aside in it; 0 where it takes from others."""
        ...


class Purse:
    """A layer that pays from what one holder has, in full."""

    def __init__(self, name: str, ledger: TokenLedger, cash: CashBook, holder: int) -> None:
        self.name = name
        self.holder = holder
        self._ledger = ledger
        self._cash = cash

    def pay(self, account: int, debt: int, standing: Standing | None = None) -> int:  # noqa: ARG002
        """Pay as much as there is."""
        paid = min(debt, self.left())
        self._cash.pay_in(account, self.holder, paid)
        return paid

    def left(self) -> int:
        """Return what the holder has."""
        return self._ledger.balance(self.holder, self._cash.token)


class InsurancePolicy(Purse):
    """A purse that leaves the first part of every loss to the layers below.

    ``deductible`` is in micro-dollars.
    """

    def __init__(
        self, name: str, ledger: TokenLedger, cash: CashBook, holder: int, *, deductible: int
    ) -> None:
        super().__init__(name, ledger, cash, holder)
        self._deductible = deductible

    def pay(self, account: int, debt: int, standing: Standing | None = None) -> int:
        """Pay what is beyond the deductible, as far as the cover goes."""
        return super().pay(account, max(debt - self._deductible, 0), standing)


class SharedFund:
    """A fund to which several venues have contributed; the first member is the one that loses.

    Parameters
    ----------
    ledger, cash : TokenLedger, CashBook
    members : sequence of int
        Holders of the contributions, the venue's own first, then those of other simulated venues.
    sharing : {"tranche", "requirement", "volume"}
        Own contribution first, then the others'; or all at once, by requirement or volume.
    others : ndarray of int64, shape (members - venues,)
        Requirement or volume of those that are not simulated, in micro-dollars; not read for
        ``tranche``.
    venues : sequence of int
        Numbers of the simulated venues, in the order of their contributions.
    """

    name = "mutual_fund"

    def __init__(
        self,
        ledger: TokenLedger,
        cash: CashBook,
        members: Sequence[int],
        sharing: Sharing,
        others: NDArray[np.int64],
        venues: Sequence[int] = (0,),
    ) -> None:
        self._ledger = ledger
        self._cash = cash
        self._members = tuple(members)
        self._venues = tuple(venues)
        self._sharing = sharing
        self._others = others

    def held(self) -> NDArray[np.int64]:
        """Return what is left of each contribution, in micro-dollars."""
        token = self._cash.token
        return np.array(
            [self._ledger.balance(member, token) for member in self._members], dtype=np.int64
        )

    def pay(self, account: int, debt: int, standing: Standing | None = None) -> int:
        """Let the members pay by their rule, none more than its contribution."""
        shares = self._shares(debt, standing)
        for member, share in zip(self._members, shares.tolist(), strict=True):
            self._cash.pay_in(account, member, share)
        return int(shares.sum())

    def left(self) -> int:
        """Return what all contributions have left."""
        return int(self.held().sum())

    @property
    def members(self) -> tuple[int, ...]:
        """Holders of the contributions that it pays from."""
        return self._members

    def own(self) -> int:
        """Return what is left of the venue's own contribution, in micro-dollars."""
        return int(self.held()[0])

    def _shares(self, debt: int, standing: Standing | None) -> NDArray[np.int64]:
        held = self.held()
        if self._sharing == "tranche" or standing is None:
            own = np.zeros_like(held)
            own[0] = min(debt, int(held[0]))
            return own + draw_on(debt - int(own[0]), held - own, held - own)
        measured = standing.requirement if self._sharing == "requirement" else standing.volume
        weights = [measured[venue] for venue in self._venues]
        return draw_on(debt, held, np.concatenate([weights, self._others]).astype(np.int64))


class Socialisation:
    """Every positive balance is cut in the same proportion: Derive v2-core's withdrawal haircut.

    Parameters
    ----------
    cash : CashBook
    members : ndarray of bool, shape (accounts,), optional
        Who can be cut: the accounts of one venue; all if not given.

    Attributes
    ----------
    cut : ndarray of int64, shape (accounts,)
        Micro-dollars taken from each account so far.
    """

    name = "socialised"

    def __init__(self, cash: CashBook, members: NDArray[np.bool_] | None = None) -> None:
        self._cash = cash
        self._members = members
        self.cut = np.zeros(len(cash.balances), dtype=np.int64)

    def pay(self, account: int, debt: int, standing: Standing | None = None) -> int:  # noqa: ARG002
        """Cut all who have cash, as far as it goes."""
        positive = np.maximum(self._cash.balances, 0)
        if self._members is not None:
            positive[~self._members] = 0
        paid = min(debt, int(positive.sum()))
        cuts = share_out(paid, positive)
        self.cut += cuts
        changes = -cuts
        changes[account] += paid
        self._cash.settle(changes)
        return paid

    def left(self) -> int:
        """Return 0: nothing is set aside."""
        return 0


class Deleveraging:
    """Profits are taken back one account after another, by rank, each in full before the next.

    That is what closing their contracts against the debtor's at its bankruptcy price would take;
    the debtor's were closed before, so theirs stay.

    Parameters
    ----------
    cash : CashBook
    members : ndarray of bool, shape (accounts,), optional
        Whose profits can be taken: the accounts of one venue; all if not given.

    Attributes
    ----------
    cut : ndarray of int64, shape (accounts,)
        Micro-dollars taken from each account so far.
    """

    name = "deleveraged"

    def __init__(self, cash: CashBook, members: NDArray[np.bool_] | None = None) -> None:
        self._cash = cash
        self._members = members
        self.cut = np.zeros(len(cash.balances), dtype=np.int64)

    def pay(self, account: int, debt: int, standing: Standing | None = None) -> int:
        """Take profits that were not taken before, by rank; none where nobody's are known."""
        if standing is None:
            return 0
        profit = np.maximum(standing.profit - self.cut, 0)
        if self._members is not None:
            profit[~self._members] = 0
        profit[account] = 0
        cuts = draw_in_order(debt, profit, standing.rank)
        self.cut += cuts
        paid = int(cuts.sum())
        changes = -cuts
        changes[account] += paid
        self._cash.settle(changes)
        return paid

    def left(self) -> int:
        """Return 0: nothing is set aside."""
        return 0
