"""What trades: instruments, option value, implied volatility and price paths."""

from abm.market.board import PriceBoard, Round
from abm.market.instruments import InstrumentTable, list_instruments
from abm.market.paths import price_path
from abm.market.pricing import BlackGreeks, black_greeks, black_value
from abm.market.surface import implied_volatility, volatility_levels

__all__ = [
    "BlackGreeks",
    "InstrumentTable",
    "PriceBoard",
    "Round",
    "black_greeks",
    "black_value",
    "implied_volatility",
    "list_instruments",
    "price_path",
    "volatility_levels",
]
