"""Options exchanges: books, quotes, settlement, liquidation, auctions, waterfall."""

from abm.venue.auction import Auction, AuctionHouse, Bid
from abm.venue.beliefs import Beliefs
from abm.venue.clearing import Clearing
from abm.venue.desk import LiquidationDesk
from abm.venue.exchange import Exchange
from abm.venue.hedges import HedgeBook
from abm.venue.liquidation import Liquidation, Outcome, Stage
from abm.venue.orders import Lifetime, Order, SelfTrade, Side, Trade, TradeKind, market_order
from abm.venue.quotes import NO_ASK, NO_BID, MassQuote, best_of_ladders
from abm.venue.waterfall import Waterfall, WaterfallUse

__all__ = [
    "NO_ASK",
    "NO_BID",
    "Auction",
    "AuctionHouse",
    "Beliefs",
    "Bid",
    "Clearing",
    "Exchange",
    "HedgeBook",
    "Lifetime",
    "Liquidation",
    "LiquidationDesk",
    "MassQuote",
    "Order",
    "Outcome",
    "SelfTrade",
    "Side",
    "Stage",
    "Trade",
    "TradeKind",
    "Waterfall",
    "WaterfallUse",
    "best_of_ladders",
    "market_order",
]
