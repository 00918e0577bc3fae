"""Who acts: each a short Mesa agent around a pure decision."""

from abm.agents.arbitrageur import (
    Arbitrage,
    ArbitrageDesk,
    Arbitrageur,
    ArbitrageView,
    choose_arbitrages,
)
from abm.agents.fund_depositor import DepositDesk, FundDepositor, choose_exit
from abm.agents.guardian import Guardian, PauseDesk, choose_vote
from abm.agents.hedging import choose_hedge
from abm.agents.liquidator import BidDesk, Liquidator, Offer, choose_bids
from abm.agents.market_maker import (
    MakerDesk,
    MakerView,
    MarketMaker,
    Requoting,
    choose_ladders,
    choose_quotes,
)
from abm.agents.oracle import Oracle, OracleDesk, choose_publication
from abm.agents.relayer import Pending, RelayDesk, Relayer, choose_messages
from abm.agents.sandwich import choose_close_outs, choose_front_run
from abm.agents.searcher import Searcher, choose_back_run, choose_offers, choose_snipes
from abm.agents.searcher_view import Purpose, Request, SearcherView, Seen
from abm.agents.trader import (
    DRAWS_PER_ARRIVAL,
    LiveSeries,
    Trader,
    TraderDesk,
    TraderView,
    choose_orders,
    choose_top_up,
)
from abm.agents.withdrawal import Withdrawal, choose_withdrawal

__all__ = [
    "DRAWS_PER_ARRIVAL",
    "Arbitrage",
    "ArbitrageDesk",
    "ArbitrageView",
    "Arbitrageur",
    "BidDesk",
    "DepositDesk",
    "FundDepositor",
    "Guardian",
    "Liquidator",
    "LiveSeries",
    "MakerDesk",
    "MakerView",
    "MarketMaker",
    "Offer",
    "Oracle",
    "OracleDesk",
    "PauseDesk",
    "Pending",
    "Purpose",
    "RelayDesk",
    "Relayer",
    "Request",
    "Requoting",
    "Searcher",
    "SearcherView",
    "Seen",
    "Trader",
    "TraderDesk",
    "TraderView",
    "Withdrawal",
    "choose_arbitrages",
    "choose_back_run",
    "choose_bids",
    "choose_close_outs",
    "choose_exit",
    "choose_front_run",
    "choose_hedge",
    "choose_ladders",
    "choose_messages",
    "choose_offers",
    "choose_orders",
    "choose_publication",
    "choose_quotes",
    "choose_snipes",
    "choose_top_up",
    "choose_vote",
    "choose_withdrawal",
]
