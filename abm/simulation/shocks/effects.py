"""What shocks change for as long as they last, beside what they do at their start."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Strains:
    """What active shocks do to a run at this step; made anew at every step.

    Attributes
    ----------
    liquidators_gone, relayers_gone, makers_gone : float
        Shares of them that have stopped.
    relayers_out, makers_out : set of int
        Relayers and market makers that have stopped. Only asked whether they hold a number.
    struck : set of str
        Channels that no relayer serves. Only asked whether it holds a channel.
    frozen_feeds : set of str
        Chains on which nothing is published. Only asked whether it holds a chain.
    observed : dict of str to float
        What feeds observe, as a multiple of the true price, by chain.
    paused : set of str
        Chains on which the venue stands still. Only asked whether it holds a chain.
    custody_frozen : bool
        Whether owners can pay in.
    """

    liquidators_gone: float = 0.0
    relayers_gone: float = 0.0
    makers_gone: float = 0.0
    relayers_out: set[int] = field(default_factory=set)
    makers_out: set[int] = field(default_factory=set)
    struck: set[str] = field(default_factory=set)
    frozen_feeds: set[str] = field(default_factory=set)
    observed: dict[str, float] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    custody_frozen: bool = False
