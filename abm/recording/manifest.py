"""What a run was: scenario, seed, versions, and the digests of its tables."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from abm.scenario.fingerprint import canonical_json, fingerprint, run_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abm.scenario.model import Scenario

FORMAT = 3
"""Raised when the layout of a run's folder or tables changes."""

PACKAGES = ("abm", "mesa", "networkx", "numpy", "scipy", "polars", "pyarrow", "pydantic")


@dataclass(frozen=True)
class Manifest:
    """The run card of a folder.

    Attributes
    ----------
    run_id : str
        Name of the run: the first digits of the fingerprint.
    fingerprint : str
        SHA-256 of the scenario with its seed.
    scenario : dict
        The whole scenario, with all defaults.
    versions : dict of str to str
        Python and the packages that a result may depend on.
    platform : str
        Machine and system.
    tables : dict of str to dict
        Rows and digest of each table.
    replaced : list of str
        Roles that agents of somebody else's played: the scenario alone does not make this run.
    """

    run_id: str
    fingerprint: str
    scenario: dict[str, Any]
    versions: dict[str, str]
    platform: str
    tables: dict[str, dict[str, Any]]
    format: int = FORMAT
    replaced: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the manifest as JSON text with sorted keys."""
        return json.dumps(vars(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read a manifest back.

        Raises
        ------
        ValueError
            If the text is not a manifest of this format.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(f"not a manifest of format {FORMAT}")
        tables = (data.get("scenario"), data.get("tables"), data.get("versions"))
        if not all(isinstance(table, dict) for table in tables):
            raise ValueError(f"not a manifest of format {FORMAT}: it lacks tables")
        try:
            return cls(**data)
        except TypeError as error:
            raise ValueError(f"not a manifest of format {FORMAT}: {error}") from error


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result may depend on."""
    return dict(_versions())


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    return (*((name, version(name)) for name in PACKAGES), ("python", python))


def make_manifest(
    scenario: Scenario, tables: dict[str, dict[str, Any]], replaced: Iterable[str] = ()
) -> Manifest:
    """Return the manifest of a run that has just ended."""
    return Manifest(
        run_id=run_id(scenario),
        fingerprint=fingerprint(scenario),
        scenario=json.loads(canonical_json(scenario)),
        versions=installed_versions(),
        platform=f"{platform.system()} {platform.machine()}",
        tables=tables,
        replaced=list(replaced),
    )
