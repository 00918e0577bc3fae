"""One fixed point for all: what claims are worth when everybody's equity depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from abm.contagion.claims import ClaimBook, make_claim_book
from abm.contagion.inputs import as_network, as_vector, check_choice
from abm.contagion.pieces import LinearValuation, PieceSolver

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from abm.contagion.inputs import Mask, NetworkLike, Vector

    ValuationFunction: TypeAlias = Callable[[Vector, Mask], Vector]

__all__ = ["Convergence", "Counting", "Start", "Tie", "Valued", "in_any", "solve_valuation"]

Tie = Literal["survives", "defaults"]
"""What becomes of a node whose loss equals its buffer."""

Counting = Literal["waves", "steps"]
"""When a default counts: once all earlier ones have worked through, or at the next step."""

Start = Literal["face", "nothing"]
"""Where the iteration starts: at face value (greatest solution) or at zero (least)."""

# Equity this close to 0, as a share of the balance sheet, is a tie: sums of a few thousand
# float64 numbers cannot tell.
TIE_SHARE = 1e-12

SETTLED_SHARE = 1e-14
"""Change of a node's equity in one step, as a share of its balance sheet, that counts as none."""


@dataclass(frozen=True, slots=True)
class Convergence:
    """How an iteration ended.

    Attributes
    ----------
    iterations : int
        Times that the map was applied.
    residual : float
        Largest change of any node's equity in the last of them, in dollars.
    converged : bool
        Whether nobody's equity changed by more than 1e-14 of its balance sheet, and nobody was left
        to default.
    """

    iterations: int
    residual: float
    converged: bool


@dataclass(frozen=True)
class Valued:
    """A solution of the network valuation.

    Attributes
    ----------
    equity : ndarray, shape (nodes,)
        Dollars; negative for a node that cannot pay in full.
    worth : ndarray, shape (nodes,)
        Value of a claim of one dollar on each node, from 0 to 1.
    defaults_by_round : tuple of tuple of int
        The nodes that default in each round, in ascending order.
    convergence : Convergence
        How the iteration ended.
    """

    equity: Vector
    worth: Vector
    defaults_by_round: tuple[tuple[int, ...], ...]
    convergence: Convergence


def in_any(rounds: tuple[tuple[int, ...], ...], size: int) -> Mask:
    """Return which of ``size`` nodes are in any of the rounds, shape (size,)."""
    mask = np.zeros(size, dtype=bool)
    mask[[node for nodes in rounds for node in nodes]] = True
    return mask


def solve_valuation(
    claims: NetworkLike,
    equity: ArrayLike,
    valuation: ValuationFunction,
    *,
    collateral: NetworkLike | None = None,
    scale: ArrayLike | None = None,
    tie: Tie = "survives",
    counting: Counting = "waves",
    start: Start = "face",
    max_iterations: int = 100_000,
) -> Valued:
    """Find equity that agrees with the worth of all claims.

    With ``worth = valuation(equity, defaulted)``, the equity of i is what it would be if every
    claim were paid, less ``sum_j max(claims[i, j]*(1 - worth[j]) - collateral[i, j], 0)``. This map
    is applied again and again from face value, where it can only fall, to the greatest solution. A
    `LinearValuation` is solved exactly by a linear system as soon as its pieces stand still; any
    other function by iteration alone.

    Parameters
    ----------
    claims : array_like or sparse matrix, shape (nodes, nodes)
        ``claims[i, j]`` is what j owes i, in dollars, at least 0; the diagonal is 0.
    equity : array_like, shape (nodes,)
        Equity after the shock if every claim were paid in full, in dollars.
    valuation : callable
        From equity and a mask of nodes in default to the worth of one dollar owed by each node,
        from 0 to 1; higher equity never lowers it, a default never raises it.
    collateral : array_like or sparse matrix, shape (nodes, nodes), optional
        ``collateral[i, j]`` is what i keeps of j and loses last, in dollars.
    scale : array_like, shape (nodes,), optional
        Size of each balance sheet in dollars, against which ties and changes are measured; if
        None, the absolute equity plus all claims and debts here.
    tie : {"survives", "defaults"}
        What a node does whose equity is 0.
    counting : {"waves", "steps"}
        ``waves`` are those of the fictitious default algorithm: a round ends when the losses of
        all defaults so far have worked through. In ``steps`` a round is one application of the map;
        those in which nobody defaults are left out.
    start : {"face", "nothing"}
        ``nothing`` starts from worthless claims and finds the least solution; its only round then
        holds all nodes in default.
    max_iterations : int
        Applications of the map before the search gives up.

    Returns
    -------
    Valued
        ``convergence.converged`` says whether the search ended by itself.

    Raises
    ------
    ValueError
        If a shape is wrong, an amount negative or not finite, ``max_iterations`` below 1, or a name
        unknown.

    References
    ----------
    Barucca et al. 2020, "Network valuation in financial systems", Mathematical Finance 30(4),
    doi:10.1111/mafi.12272. Waves: Eisenberg and Noe 2001, section 3.1.

    Examples
    --------
    Node 0 holds 10 of node 1, which is 4 short of the 10 that it owes; claims on a defaulted node
    are worth half here, so node 0 loses 5.

    >>> half = LinearValuation(intercept=np.full(2, 0.5), rate=np.zeros(2))
    >>> solve_valuation([[0, 10], [0, 0]], [3, -4], half).equity
    array([-2., -4.])
    """
    check_choice("tie", tie, get_args(Tie))
    check_choice("counting", counting, get_args(Counting))
    check_choice("start", start, get_args(Start))
    book = make_claim_book(as_network("claims", claims), collateral)
    face = as_vector("equity", equity, book.size)
    if max_iterations < 1:
        raise ValueError(f"max_iterations is {max_iterations}; it must be at least 1")
    if isinstance(valuation, LinearValuation):
        as_vector("valuation.intercept", valuation.intercept, book.size)
        as_vector("valuation.rate", valuation.rate, book.size, least=0.0)
    size = np.abs(face) + book.face_value() + book.claims.sum(axis=0)
    if scale is not None:
        size = as_vector("scale", scale, book.size, least=0.0)
    # Just above, so that a node without balance sheet is at a tie, too.
    slack = np.nextafter(TIE_SHARE * size, np.inf) if tie == "defaults" else -TIE_SHARE * size
    linear = valuation if isinstance(valuation, LinearValuation) else None
    # Where worth does not move with equity, one step works through: steps and waves are the same.
    flat = linear is not None and not linear.rate.any()
    solver = PieceSolver(book, face, slack, size, frozen=counting == "waves")
    search = _Search(book, face, slack, valuation, falling=start == "face")
    converged = False
    while not converged and search.iterations < max_iterations:
        if counting == "steps" or flat or search.settled:
            search.admit_defaults()
        search.apply(SETTLED_SHARE * size)
        converged = search.settled and not search.waiting().any()
        if linear is not None and not flat and not search.settled:
            search.equity = solver.solve(search.equity, search.defaulted, linear)
    if not search.falling:
        search.rounds = [search.defaulted] if search.defaulted.any() else []
    return Valued(
        equity=search.equity,
        worth=valuation(search.equity, search.defaulted),
        defaults_by_round=tuple(tuple(np.flatnonzero(new).tolist()) for new in search.rounds),
        convergence=Convergence(search.iterations, search.residual, converged),
    )


class _Search:
    """The state of one iteration, from above (``falling``) or from below."""

    def __init__(
        self,
        book: ClaimBook,
        face: Vector,
        slack: Vector,
        valuation: ValuationFunction,
        *,
        falling: bool,
    ) -> None:
        self.book = book
        self.face = face
        self.slack = slack
        self.valuation = valuation
        self.falling = falling
        self.equity = face - book.losses(np.full(book.size, 1.0 if falling else 0.0))
        self.defaulted = np.zeros(book.size, dtype=bool) if falling else self.equity < slack
        self.rounds: list[Mask] = []
        self.settled = not falling
        self.iterations = 0
        self.residual = float("inf")

    def waiting(self) -> Mask:
        """Return the nodes whose default, or rescue from below, is not counted yet."""
        short = self.equity < self.slack
        return short & ~self.defaulted if self.falling else short ^ self.defaulted

    def admit_defaults(self) -> None:
        new = self.waiting()
        if new.any():
            self.rounds.append(new)
            self.defaulted = self.defaulted ^ new

    def apply(self, tolerated: Vector) -> None:
        worth = self.valuation(self.equity, self.defaulted)
        after = self.face - self.book.losses(worth)
        change = np.abs(after - self.equity)
        self.settled = bool((change <= tolerated).all())
        self.residual = float(change.max(initial=0.0))
        self.equity = after
        self.iterations += 1
