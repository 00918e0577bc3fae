"""What a notebook shows of results, and their figures by name: `results.figures.waterfall()`."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from abm.recording.results import RunResults, read_results
from abm.recording.study import read_study

if TYPE_CHECKING:
    from abm.analysis.figures import Figure

__all__ = ["RunFigures", "read_results", "read_study"]


class RunFigures:
    """The figures of a run, each a method of its function's name, with its keywords.

    Parameters
    ----------
    results : RunResults
    """

    def __init__(self, results: RunResults) -> None:
        self._results = results

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a function of any keywords
        """Return a figure's function, bound to the run."""
        from abm.analysis.figures import FIGURES  # noqa: PLC0415 - Plotly is loaded when needed

        if name not in FIGURES:
            known = ", ".join(FIGURES)
            raise AttributeError(f"there is no figure {name!r}; there are {known}")
        make = FIGURES[name]

        def bound(**keywords: Any) -> Figure:  # noqa: ANN401 - those of the figure
            return make(self._results, **keywords)

        bound.__name__, bound.__doc__ = name, make.__doc__
        return bound

    def __dir__(self) -> list[str]:
        """Return the names of all figures."""
        from abm.analysis.figures import FIGURES  # noqa: PLC0415 - Plotly is loaded when needed

        return list(FIGURES)


def html_of(results: RunResults) -> str:
    """Return the headline and the table of outcomes of a run as HTML."""
    from abm.analysis.summary import headline, summarise  # noqa: PLC0415 - as above

    rows = "".join(
        f"<tr><td>{escape(line.label)}</td><td>{escape(line.actual)}</td>"
        f"<td>{escape(line.without or '')}</td></tr>"
        for line in summarise(results)
    )
    return (
        f"<b>{escape(repr(results))}</b><p>{escape(headline(results))}</p>"
        f"<table><tr><th></th><th>this run</th><th>without the shocks</th></tr>{rows}</table>"
    )


RunResults.show_with(RunFigures, html_of)
