"""What trades: instruments, option value, implied volatility and price paths."""

from abm.market.board import PriceBoard, Round
from abm.market.instruments import InstrumentTable, list_instruments
from abm.market.paths import price_path
from abm.market.pricing import black_delta, black_value, black_vega
from abm.market.surface import implied_volatility, volatility_levels

__all__ = [
    "InstrumentTable",
    "PriceBoard",
    "Round",
    "black_delta",
    "black_value",
    "black_vega",
    "implied_volatility",
    "list_instruments",
    "price_path",
    "volatility_levels",
]
