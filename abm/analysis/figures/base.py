"""What every figure is made with: the figure itself, its colours, its axes, its empty state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.io import templates, to_html

from abm.units import SECONDS_PER_HOUR, format_value

if TYPE_CHECKING:
    from collections.abc import Sequence

# Okabe and Ito's colours, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, RED, GREY, PURPLE, SKY, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#7f7f7f",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
)
CYCLE = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY, YELLOW)
DASHES = ("solid", "dash", "dot", "dashdot")
# From nothing to much; its lightness alone tells the order, on paper and to the colour-blind.
SEQUENTIAL = [(0.0, "#56B4E9"), (0.35, "#F0E442"), (0.7, "#E69F00"), (1.0, "#D55E00")]
HEAT = "Cividis"

LINE = {"gridcolor": "#8883", "zerolinecolor": "#8886", "linecolor": "#8886"}
LAYOUT: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 70, "r": 70, "t": 30, "b": 50},
    # A grey that is readable on white and on black; a page may lay its own ink over it.
    "font": {"family": "system-ui, sans-serif", "size": 14, "color": "#777"},
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    "hovermode": "x unified",
    "hoverlabel": {"bgcolor": "#222", "font": {"color": "#fff", "size": 14}},
    # Half transparent, so that they are quiet on white and on black.
    "xaxis": LINE,
    "yaxis": LINE,
}
TRACES = ("bar", "heatmap", "histogram", "scatter")
HEIGHT = 420
SMALL_HEIGHT = 340
"""Of figures that may stand two in a row."""
# A page's own ink over the grey of the drawing, so that it is dark on white and light on black.
INK_STYLE = """
.js-plotly-plot :is(.xtick, .ytick, .y2tick, .cbaxis, .xtitle, .ytitle, .y2title, .legendtext,
  .gtitle, .cbtitle, .slider-label, .textpoint) text, .js-plotly-plot text:is(.xtitle, .ytitle,
  .y2title, .legendtext, .gtitle, .slider-label, .bartext-outside) { fill: var(--ink) !important; }
"""


@dataclass(frozen=True)
class Figure:
    """A figure with what its reader has to know.

    Attributes
    ----------
    title : str
        What it is.
    caption : str
        A sentence that says what it shows, for the page and for screen readers.
    plot : plotly.graph_objects.Figure
        The drawing; where there is nothing to draw it says why.
    unit : str
        Of what is drawn; empty where axes say it.
    runs : int
        Runs that it stands on, counterfactuals not counted.
    empty : str
        Why nothing is drawn, or empty.
    frames : tuple of dict
        Of a film, its moments in the form of Plotly's frames; plain, because Plotly takes seconds
        to check them.
    """

    title: str
    caption: str
    plot: go.Figure
    unit: str = ""
    runs: int = 1
    empty: str = ""
    frames: tuple[dict[str, Any], ...] = ()

    @property
    def drawing(self) -> dict[str, Any]:
        """The drawing in the form of Plotly's JSON, with the moments of a film."""
        plain: dict[str, Any] = self.plot.to_plotly_json()
        return {**plain, "frames": list(self.frames)} if self.frames else plain

    @property
    def note(self) -> str:
        """The unit and the number of runs, in a few words."""
        runs = "1 run" if self.runs == 1 else f"{self.runs:,} runs"
        return f"Unit: {self.unit}. From {runs}." if self.unit else f"From {runs}."

    @property
    def text(self) -> str:
        """All that is said beside the drawing."""
        return f"{self.caption} {self.empty or self.note}"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        drawing = self.plot._repr_html_() if not (self.empty or self.frames) else ""
        if self.frames:
            drawing = to_html(
                self.drawing,
                include_plotlyjs="cdn",
                full_html=False,
                auto_play=False,
                validate=False,
            )
        return f"<h4>{self.title}</h4><p>{self.text}</p>{drawing}"


@cache
def _template() -> dict[str, Any]:
    """Return Plotly's white template for the kinds of traces that are drawn here."""
    whole = templates["plotly_white"].to_plotly_json()
    return {"layout": whole["layout"], "data": {kind: whole["data"][kind] for kind in TRACES}}


def canvas(data: Any = None) -> go.Figure:  # noqa: ANN401 - a trace or some, as Plotly takes them
    """Return a drawing in the common style; Plotly checks its own whole template for long."""
    return go.Figure(data, layout={"template": _template()})


def nothing(title: str, caption: str, why: str, *, unit: str = "", runs: int = 1) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    plot = canvas()
    plot.update_layout(**LAYOUT, height=160)
    plot.update_xaxes(visible=False)
    plot.update_yaxes(visible=False)
    plot.add_annotation(
        text=why, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"size": 15}
    )
    return Figure(title, caption, plot, unit, runs, why)


def finish(
    figure: Figure,
    *,
    x: str = "",
    y: str = "",
    height: int = HEIGHT,
    **layout: Any,  # noqa: ANN401 - whatever Plotly's layout takes
) -> Figure:
    """Give a figure's drawing the common layout and the names of its axes."""
    figure.plot.update_layout(**{**LAYOUT, **layout}, height=height)
    if x:
        figure.plot.update_xaxes(title_text=x)
    if y:
        figure.plot.update_yaxes(title_text=y)
    return figure


def wide_left(labels: Sequence[str]) -> dict[str, Any]:
    """Return margins that leave room for labels of horizontal bars."""
    longest = max((len(label) for label in labels), default=0)
    return {**LAYOUT["margin"], "l": min(30 + 8 * longest, 330)}


def with_runs(figure: Figure, runs: int) -> Figure:
    """Return a figure that stands on another number of runs."""
    return replace(figure, runs=runs)


def words(name: str) -> str:
    """Write a name of a table or scenario for people.

    >>> words("factor shocks.*.duration_hours")
    'shocks, duration hours'
    >>> words("in_transit_usd_mean")
    'in transit mean'
    """
    plain = f"{name}_".replace("_usd_", "_").removesuffix("_")
    plain = plain.removeprefix("factor ").replace(".*.", ", ").replace(".*", ", all")
    return plain.replace("_", " ").replace(".", ", ")


def written(values: Sequence[float | None], unit: str) -> list[str]:
    """Write values for people, in the order they stand in."""
    return ["none" if value is None else format_value(value, unit) for value in values]


def sentence(text: str) -> str:
    """Begin with a capital.

    >>> sentence("bad debt")
    'Bad debt'
    """
    return text[:1].upper() + text[1:]


def hours(second: float) -> float:
    """Return seconds as hours."""
    return second / SECONDS_PER_HOUR
