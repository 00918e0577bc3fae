"""What trades: instruments, option value, implied volatility and price paths."""

from abm.market.board import PriceBoard, Round
from abm.market.implied import implied_volatility_of_price
from abm.market.instruments import InstrumentTable, list_instruments, settlement_price
from abm.market.listing import list_near
from abm.market.local_prices import LocalPrices
from abm.market.paths import Grid, draw_paths, price_path
from abm.market.pricing import Greeks, black_76, black_scholes_merton, black_value, greeks
from abm.market.spot import SpotPrice, largest_move, scaled, worth_usd
from abm.market.surface import implied_volatility, volatility_levels
from abm.market.tokens import token_prices

__all__ = [
    "Greeks",
    "Grid",
    "InstrumentTable",
    "LocalPrices",
    "PriceBoard",
    "Round",
    "SpotPrice",
    "black_76",
    "black_scholes_merton",
    "black_value",
    "draw_paths",
    "greeks",
    "implied_volatility",
    "implied_volatility_of_price",
    "largest_move",
    "list_instruments",
    "list_near",
    "price_path",
    "scaled",
    "settlement_price",
    "token_prices",
    "volatility_levels",
    "worth_usd",
]
