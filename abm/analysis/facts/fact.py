"""One stylised fact: what was measured, and the range that it should lie in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """A measured value beside its target.

    Attributes
    ----------
    label : str
    measured : float or None
        None where the run says nothing of it.
    low, high : float or None
        Range of the target; None for no bound on that side.
    unit : str
        Of all three, such as ``%`` or ``points``.
    source : str
        Where the range is from.
    """

    label: str
    measured: float | None
    low: float | None
    high: float | None
    unit: str
    source: str

    @property
    def met(self) -> bool | None:
        """Whether the measured value lies in the range; None where there is none."""
        if self.measured is None:
            return None
        above = self.low is None or self.measured >= self.low
        return above and (self.high is None or self.measured <= self.high)

    @property
    def verdict(self) -> str:
        """Say it in a word."""
        return {None: "no data", True: "met", False: "missed"}[self.met]

    @property
    def target(self) -> str:
        """Write the range.

        >>> Fact("depth", 3.0, 2.0, None, "lots", "a book").target
        'at least 2'
        """
        if self.high is None:
            return f"at least {self.low:.3g}"
        if self.low is None:
            return f"at most {self.high:.3g}"
        return f"{self.low:.3g} to {self.high:.3g}"
