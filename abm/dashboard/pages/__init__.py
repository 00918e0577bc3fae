"""The pages, in the order of their menu: a new one is one file and one line."""

from __future__ import annotations

from abm.dashboard.pages import (
    architectures,
    cause_tree,
    compare,
    contagion_map,
    data,
    liquidations,
    liquidity,
    losses,
    messages,
    overview,
    sweep,
)

PAGES = (
    overview.PAGE,
    contagion_map.PAGE,
    losses.PAGE,
    liquidations.PAGE,
    messages.PAGE,
    liquidity.PAGE,
    architectures.PAGE,
    sweep.PAGE,
    compare.PAGE,
    cause_tree.PAGE,
    data.PAGE,
)
