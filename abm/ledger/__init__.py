"""Who holds which token: integer base units, double entry, conservation."""

from abm.ledger.cash import CashBook
from abm.ledger.commitment import Commitment, verify
from abm.ledger.holders import Holders, open_holders
from abm.ledger.tokens import TokenLedger

__all__ = ["CashBook", "Commitment", "Holders", "TokenLedger", "open_holders", "verify"]
