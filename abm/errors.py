"""The errors a caller may want to catch, all under one root.

::

    AbmError
    ├── ScenarioError (ValueError)     a scenario file or an override is wrong
    ├── ResultsError (ValueError)      a folder of results is missing, foreign or damaged
    ├── MissingExtraError (ImportError)  a command needs an optional library that is not there
    ├── LedgerError (ValueError)       a transfer that the ledger must refuse
    └── InvariantError (RuntimeError)  a run broke a rule that must always hold: our bug
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class AbmError(Exception):
    """Root of every error that this package raises on purpose; all travel between processes."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the error holds: its constructor takes other things than its text."""
        return _revived, (type(self), self.args, self.__dict__)


def _revived(kind: type[AbmError], args: tuple[Any, ...], held: dict[str, Any]) -> AbmError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(held)
    return error


@dataclass(frozen=True)
class Problem:
    """One fault of an input: where it stands, what was found, and the rule it breaks.

    Attributes
    ----------
    key : str
        Dotted path of the value, such as ``channels.to_base.finality_median_seconds``.
    found : str
        What was found there, as it would be written in the file; empty where nothing was.
    rule : str
        What would have been right.
    hint : str
        The nearest right name, or an empty string.
    """

    key: str
    found: str
    rule: str
    hint: str = ""

    def __str__(self) -> str:
        """Return the problem as one sentence."""
        what = (
            f"{self.key} is {self.found}; {self.rule}" if self.found else f"{self.key}: {self.rule}"
        )
        return f"{what}; {self.hint}" if self.hint else what


class ScenarioError(AbmError, ValueError):
    """A scenario that cannot be run, with every problem found in it."""

    def __init__(self, source: str | Path, problems: list[Problem]) -> None:
        self.source = str(source)
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{self.source}: {problem}" for problem in problems))


class ResultsError(AbmError, ValueError):
    """A folder of results that cannot be used as asked."""

    def __init__(self, folder: str | Path, reason: str) -> None:
        self.folder = str(folder)
        self.reason = reason
        super().__init__(f"{folder}: {reason}")


class MissingExtraError(AbmError, ImportError):
    """An optional library that a command needs is not installed.

    Attributes
    ----------
    extra : str
        The extra of this package that brings it.
    library : str
        Its name.
    """

    def __init__(self, extra: str, library: str) -> None:
        self.extra = extra
        self.library = library
        super().__init__(f"this needs {library}: pip install 'abm[{extra}]'")


class LedgerError(AbmError, ValueError):
    """A transfer that would overdraw a holder or move a negative amount."""


class InvariantError(AbmError, RuntimeError):
    """A rule that must hold after every step does not hold.

    Attributes
    ----------
    second : int
        Simulated time of the step, in seconds from the start of the run.
    breaches : tuple of str
        One sentence for each broken rule.
    """

    def __init__(self, second: int, breaches: list[str]) -> None:
        self.second = second
        self.breaches = tuple(breaches)
        super().__init__(f"after the step at second {second}: " + "; ".join(breaches))
