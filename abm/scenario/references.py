"""Names that must be those of something else in the file, and the nearest right one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from abm.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable


def unknown(key: str, found: str, known: Iterable[str], what: str) -> Problem:
    """Return the problem of a name that nothing has."""
    names = list(known)
    close = get_close_matches(found, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else ""
    rule = f"it must name one of the {what}: {', '.join(names) or 'there are none'}"
    return Problem(key, repr(found), rule, hint)
