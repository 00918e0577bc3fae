"""One role of a run as a Gymnasium environment: for whoever learns to play it."""

from __future__ import annotations

from abm.errors import MissingExtraError

try:
    import gymnasium  # noqa: F401 - only to say which extra brings it
except ImportError as error:
    raise MissingExtraError("gym", "gymnasium") from error

from abm.environment.liquidator import LiquidatorEnvironment, usual_action

__all__ = ["LiquidatorEnvironment", "usual_action"]
