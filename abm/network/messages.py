"""One item of channel traffic: what was sent, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What became of a message; every message has exactly one."""

    IN_FLIGHT = "in_flight"
    DELIVERED = "delivered"
    LOST = "lost"
    EXPIRED = "expired"
    VOID = "void"


TELLING_KINDS = frozenset({"balance_report", "margin_call", "order"})
"""Kinds of message that only tell; all others move tokens, and stand still in a freeze."""

WEIGHTLESS_KINDS = TELLING_KINDS | {"seizure"}
"""Kinds that bring no tokens along; the value of all others counts against rate limits."""

ONCE_KINDS = frozenset({"order"})
"""Kinds that nobody sends again when they are lost: their time is over."""

MARGIN_KINDS = frozenset({"balance_report", "margin_call", "burn", "proceeds", "seizure"})
"""Kinds on the way from a breach to its cure: a venue's knowledge, its orders, what they bring."""


@dataclass(frozen=True, slots=True)
class Message:
    """What was sent. Never changes.

    Attributes
    ----------
    id : int
        Position in the order of sending.
    channel : str
        Name of the channel.
    kind : str
        What it asks for, such as ``seizure``.
    subject : str
        What it is about, such as an account; the message of one kind and subject that is the
        same in two runs of one seed travels alike in both.
    nonce : int
        The same for an original, its duplicates and its repetitions: applied once at most.
    cause : int
        The event that sent it.
    sent_second : int
        When it was sent.
    payload : object
        What the receiver reads.
    value_usd : float
        Dollars it carries or moves, for reports.
    repeat_of : int or None
        The message that this one repeats or duplicates.
    forged : bool
        Signed by stolen keys: nobody sent it from the source.
    """

    id: int
    channel: str
    kind: str
    subject: str
    nonce: int
    cause: int
    sent_second: int
    payload: object
    value_usd: float = 0.0
    repeat_of: int | None = None
    forged: bool = False

    @property
    def is_about_margin(self) -> bool:
        """Whether it is on the way from a breach to its cure."""
        return self.kind in MARGIN_KINDS


@dataclass(slots=True, eq=False)
class Transit:
    """The way of one message: seconds are from the start of the run, None until they happen.

    ``expected_second`` is when it would arrive if every part took its median;
    ``included_second`` and ``final_second`` are when the source has it, and has it finally enough
    for the protocol; ``last_block_seconds`` is how long its delivery waits for the destination's
    block; ``limited_seconds`` is how long a rate limit held it; ``reason`` says why it is void;
    ``punctual`` ones arrive when they are expected, whatever stands in their way.
    """

    message: Message
    fee_usd: float
    ready_second: int
    expiry_second: int
    expected_second: int
    last_block_seconds: float
    included_second: float = 0.0
    final_second: float = 0.0
    fate: Fate = Fate.IN_FLIGHT
    reason: str | None = None
    doomed: bool = False
    stuck: bool = False
    punctual: bool = False
    reorged: bool = False
    admitted: bool = False
    forced_in: bool = False
    relayer: int | None = None
    picked_second: int | None = None
    fee_paid_usd: float = 0.0
    end_second: int | None = None
    applied: bool = False
    halted_seconds: int = 0
    limited_seconds: int = 0
