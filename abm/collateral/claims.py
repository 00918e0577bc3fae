"""What a venue believes it may count, and as of when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from abm.scenario.network import Proof


class ClaimTable:
    """Token balances that a venue counts for every account, as old as their last report.

    Parameters
    ----------
    accounts, tokens : int
        Size of the table.

    Attributes
    ----------
    units : ndarray of int64, shape (accounts, tokens)
        Base units counted.
    as_of_second : ndarray of int64, shape (accounts,)
        When the counted balances were true.
    proof : list of str, one for each account
        What makes its reports valid: ``own`` for balances on the venue's chain, which it reads
        itself, else the proof of the protocol that carries them.
    version : int
        Goes up with every change of ``units``, so that what follows from them is kept until then.
    """

    def __init__(self, accounts: int, tokens: int) -> None:
        # Token after token, as the ledger has them: they are valued and added up that way.
        self.units = np.zeros((accounts, tokens), dtype=np.int64, order="F")
        self.as_of_second = np.zeros(accounts, dtype=np.int64)
        self.proof: list[Proof | Literal["own"]] = ["own"] * accounts
        self.version = 0

    def proven_share(self, haircuts: Mapping[Proof, float]) -> NDArray[np.float64]:
        """Return the share of each account's claim that counts, by its proof, shape (accounts,).

        ``haircuts`` has the share that does not count for each kind of proof; 0 where it has none.
        """
        return np.array(
            [1.0 if proof == "own" else 1.0 - haircuts.get(proof, 0.0) for proof in self.proof]
        )

    def take_out(self, account: int, token: int, amount: int) -> None:
        """Count so many base units less of an account, whatever the last report said."""
        self.units[account, token] -= amount
        self.version += 1

    def report(
        self, accounts: NDArray[np.int64], units: NDArray[np.int64], as_of_second: int
    ) -> None:
        """Take over reported balances where they are newer than what is counted.

        Parameters
        ----------
        accounts : ndarray of int64, shape (reported,)
            Accounts of the report.
        units : ndarray of int64, shape (reported, tokens)
            Their balances in base units.
        as_of_second : int
            When they were true.
        """
        newer = self.as_of_second[accounts] <= as_of_second
        if not newer.all():
            accounts, units = accounts[newer], units[newer]
        self.units[accounts] = units
        self.as_of_second[accounts] = as_of_second
        self.version += 1
