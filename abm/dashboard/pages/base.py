"""What a page is: an address, a title, what its reader may choose, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from dash import Dash
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection

Choices = dict[str, Any]


@dataclass(frozen=True)
class Control:
    """Something that a reader chooses: from a list, on a slider, or by typing.

    Attributes
    ----------
    name : str
        Under which a page finds the choice.
    label : str
        What it is called.
    options : dict of str to str
        For a list: values and what they are called.
    value : object
        What is chosen at first; None is no choice.
    span : tuple of int
        For a slider: its least, its largest value and its step.
    marks : dict of int to str
        For a slider: what is written at some values.
    """

    name: str
    label: str
    options: dict[str, str] = field(default_factory=dict)
    value: Any = None
    kind: Literal["list", "slider", "text"] = "list"
    span: tuple[int, int, int] = (0, 0, 1)
    marks: dict[int, str] = field(default_factory=dict)


def no_controls(_: Selection, __: Choices) -> list[Control]:
    """Return no controls."""
    return []


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes
    ----------
    path, title, about : str
        Its address, its name, and a sentence that says what it is for.
    body : callable
        From a selection and the choices to what is shown.
    controls : callable
        From a selection and the choices in the address to the controls.
    needs : str
        ``run``, ``study`` or ``any`` of them, without which the page says what to do; ``nothing``
        where the page tells of damaged entries itself.
    register : callable or None
        Adds callbacks of the page's own.
    extra : callable or None
        Parts that stand beside the controls.
    """

    path: str
    title: str
    about: str
    body: Callable[[Selection, Choices, Catalog], list[Component]]
    controls: Callable[[Selection, Choices], list[Control]] = no_controls
    needs: Literal["run", "study", "any", "nothing"] = "run"
    register: Callable[[Dash, Catalog], None] | None = None
    extra: Callable[[], list[Component]] | None = None
