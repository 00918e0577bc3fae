"""What tokens are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.market.spot import worth_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.scenario.network import Token


def token_prices(tokens: Sequence[Token], price_usd: float) -> NDArray[np.float64]:
    """Return the dollars that one base unit of each token is worth, shape (tokens,)."""
    return np.array([worth_usd(token.worth, price_usd) / token.base_units for token in tokens])
