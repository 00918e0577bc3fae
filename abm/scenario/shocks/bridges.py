"""Theft from bridges: broken contracts and stolen keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abm.scenario.fields import Count, Fraction, NotNegative, Positive
from abm.scenario.shocks.base import TimedShock


class BridgeExploit(TimedShock):
    """A flaw of a protocol's contracts: what its messages can release is gone at once.

    A guardian pauses the protocol's channels when it finds out, until the end of the shock.
    """

    kind: Literal["bridge_exploit"]
    protocol: Annotated[str, Field(description="Whose contracts fail")]
    share: Annotated[Fraction, Field(description="Of what they can release, that is stolen")] = 1.0
    detection_hours: Annotated[
        NotNegative, Field(description="Until a guardian pauses the channels")
    ] = 1.0


class VerifierCompromise(TimedShock):
    """Stolen keys sign messages that nobody sent, if they are enough to.

    They go out one after another, each as large as the protocol's limits let pass at once, until a
    guardian finds out, refuses those under way and pauses the channels until the end of the shock.
    """

    kind: Literal["verifier_compromise"]
    protocol: Annotated[str, Field(description="Whose verifiers lose their keys")]
    keys: Annotated[Count, Field(description="Keys that are stolen")]
    target_usd: Annotated[Positive, Field(description="What the thieves try to take, per channel")]
    posted_by: Annotated[
        str | None,
        Field(
            description="Traders on the venue's chain that are the thieves' own: they post what is "
            "minted as margin, and take out dollars against it"
        ),
    ] = None
    posted_share: Annotated[Fraction, Field(description="Of what is minted, that they post")] = 1.0
    detection_hours: Annotated[
        NotNegative, Field(description="Until a guardian pauses the channels")
    ] = 1.0
