"""Reads the packaged profiles: chains, protocols, and the lanes that were measured."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

CHAINS, PROTOCOLS, LANES = "chains.toml", "protocols.toml", "lanes.toml"

Keys = dict[str, Any]  # what TOML holds


@dataclass(frozen=True)
class ChainProfile:
    """One real chain.

    Attributes
    ----------
    name : str
        Its name in scenario files.
    keys : dict
        Keys of a scenario's chain.
    rollup : str or None
        ``optimistic`` or ``zk`` if it settles on another chain.
    sources : tuple of str
        Where the figures come from.
    """

    name: str
    keys: Keys
    rollup: str | None
    sources: tuple[str, ...]


@dataclass(frozen=True)
class ProtocolProfile:
    """One real protocol.

    Attributes
    ----------
    name, about : str
        Its name in scenario files, and what it is.
    protocol, channel, deposit : dict
        Keys of a scenario's protocol and of its channels; ``deposit`` replaces some of them on
        channels that lead from a settlement chain to a rollup.
    by_source : dict of str to dict
        Keys of a channel whose value depends on the profile of its source, with a ``default``.
    quartiles_seconds : tuple of float or None
        Measured delay of any lane, where no lane was measured by itself.
    spread : str
        Part of the delay in which a measured spread is: ``finality`` or ``attestation``.
    attestation_share : float
        Of a delay whose spread is in finality.
    sources : tuple of str
        Where the figures come from.
    """

    name: str
    about: str
    protocol: Keys
    channel: Keys
    deposit: Keys
    by_source: dict[str, Keys]
    quartiles_seconds: tuple[float, float, float] | None
    spread: str
    attestation_share: float
    sources: tuple[str, ...]


@dataclass(frozen=True)
class MeasuredLane:
    """Quartiles of a delay in seconds, from block to block, and how many transfers they are of."""

    protocol: str
    source: str
    destination: str
    quartiles_seconds: tuple[float, float, float]
    transfers: int


def _read(name: str) -> dict[str, Any]:
    text = (files("abm.scenario.profiles") / name).read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def chain_profiles() -> dict[str, ChainProfile]:
    """Return the profiles of chains by name."""
    told = ("sources", "rollup")
    return {
        name: ChainProfile(
            name,
            {key: value for key, value in table.items() if key not in told},
            table.get("rollup"),
            tuple(table["sources"]),
        )
        for name, table in _read(CHAINS).items()
    }


BY_SOURCE = {
    "finality_seconds": "finality_median_seconds",
    "challenge_seconds": "challenge_seconds",
    "daily_limit_usd": "daily_limit_usd",
    "large_transfer_usd": "large_transfer_usd",
}
"""The key of a channel that each table by source fills in."""


@cache
def protocol_profiles() -> dict[str, ProtocolProfile]:
    """Return the profiles of protocols by name."""
    found = {}
    for name, table in _read(PROTOCOLS).items():
        quartiles = table.get("quartiles_seconds")
        found[name] = ProtocolProfile(
            name,
            table["about"],
            table["protocol"],
            table["channel"],
            table.get("deposit", {}),
            {key: table[part] for part, key in BY_SOURCE.items() if part in table},
            (quartiles[0], quartiles[1], quartiles[2]) if quartiles is not None else None,
            table["spread"],
            table.get("attestation_share", 0.0),
            tuple(table["sources"]),
        )
    return found


@cache
def measured_lanes() -> dict[tuple[str, str, str], MeasuredLane]:
    """Return the measured lanes by protocol, source and destination."""
    return {
        (protocol, source, destination): MeasuredLane(
            protocol, source, destination, (row[0], row[1], row[2]), row[3]
        )
        for protocol, by_source in _read(LANES).items()
        for source, by_destination in by_source.items()
        for destination, row in by_destination.items()
    }
