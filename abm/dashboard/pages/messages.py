"""Messages: what every channel carried, how late, what waited, and how old knowledge was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.analysis.figures import oracles
from abm.analysis.figures.facts import channels_of
from abm.analysis.figures.messages import FIGURES
from abm.dashboard.pages.base import Choices, Control, Page
from abm.dashboard.parts import figure_parts

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection


def controls(selection: Selection, _: Choices) -> list[Control]:
    """Return the choice of a channel."""
    if selection.results is None:
        return []
    channels = {item.name: item.name for item in channels_of(selection.results)}
    return [Control("channel", "Channel", {"": "all channels", **channels}, "")]


def body(selection: Selection, choices: Choices, _: Catalog) -> list[Component]:
    """Return the figures of messages, narrowed to a channel where one is chosen."""
    if selection.results is None:
        return []
    channel = choices.get("channel") or None
    figures = [make(selection.results, channel) for make in FIGURES]
    figures += [make(selection.results) for make in oracles.FIGURES]
    return figure_parts(figures, "messages")


PAGE = Page(
    path="/messages",
    title="Messages",
    about="What channels carried, how late it came, and what the venue knew meanwhile.",
    body=body,
    controls=controls,
)
