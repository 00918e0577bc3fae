"""Fills in what a scenario file leaves to profiles, before anything is checked."""

from __future__ import annotations

import copy
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from abm.errors import Problem
from abm.scenario.profiles.catalogue import (
    ChainProfile,
    ProtocolProfile,
    chain_profiles,
    measured_lanes,
    protocol_profiles,
)
from abm.scenario.profiles.fitting import Surroundings, fit_lane

if TYPE_CHECKING:
    from collections.abc import Mapping

Tables = dict[str, Any]  # what a file holds: not checked yet, so anything may stand anywhere

FALLBACK_BLOCK_SECONDS = 1.0
EXECUTION_SECONDS = 5.0
"""`Channel.execution_seconds` where neither the file nor the profile says it."""


def expand_profiles(data: Tables) -> tuple[Tables, list[Problem]]:
    """Return a scenario's tables with the figures of their profiles, and every unknown profile.

    What the file says wins, key by key. A channel whose protocol has a profile takes the measured
    figures of its lane if both its chains have profiles and the lane was measured; otherwise its
    parts: what the protocol waits for at such a source, and how long its verifiers take.

    Parameters
    ----------
    data : dict
        What a scenario file holds.
    """
    data = copy.deepcopy(data)
    problems: list[Problem] = []
    chains = _fill(data, "chains", {k: p.keys for k, p in chain_profiles().items()}, problems)
    names = {name: profile.protocol for name, profile in protocol_profiles().items()}
    protocols = _fill(data, "protocols", names, problems)
    for channel in _tables(data, "channels").values():
        protocol = protocols.get(_text(channel, "protocol"))
        profile = protocol_profiles().get(_text(protocol, "profile"))
        if protocol is not None and profile is not None:
            ends = [chains.get(_text(channel, end), {}) for end in ("source", "destination")]
            defaults = _channel_keys(profile, {**protocol, **channel}, ends[0], ends[1])
            channel.update({**defaults, **channel})
    return data, problems


def _tables(data: Tables, name: str) -> dict[str, Tables]:
    """Return the tables below a name that are tables; what else stands there is found later."""
    found = data.get(name)
    if not isinstance(found, dict):
        return {}
    return {key: table for key, table in found.items() if isinstance(table, dict)}


def _text(table: Tables | None, key: str) -> str:
    found = None if table is None else table.get(key)
    return found if isinstance(found, str) else ""


def _fill(
    data: Tables, name: str, profiles: Mapping[str, Tables], problems: list[Problem]
) -> dict[str, Tables]:
    """Fill in the tables below a name, and return them."""
    tables = _tables(data, name)
    for key, table in tables.items():
        profile = _text(table, "profile")
        if profile in profiles:
            table.update({**profiles[profile], **table})
        elif profile:
            close = get_close_matches(profile, list(profiles), n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else ""
            rule = f"it must be a profile of {name}: {', '.join(profiles)}"
            problems.append(Problem(f"{name}.{key}.profile", repr(profile), rule, hint))
    return tables


def _channel_keys(
    profile: ProtocolProfile, channel: Tables, source: Tables, destination: Tables
) -> Tables:
    """Return the keys that a profile has for a channel."""
    start = chain_profiles().get(_text(source, "profile"))
    end = chain_profiles().get(_text(destination, "profile"))
    keys = dict(profile.channel)
    for key, values in profile.by_source.items():
        if start is not None and start.name in values:
            keys[key] = values[start.name]
        elif not (key == "finality_median_seconds" and _says_finality(source, channel)):
            keys[key] = values["default"]
    if profile.deposit and start is not None and start.rollup is None:
        return {**keys, **profile.deposit, "challenge_seconds": 0.0}
    quartiles = _measured(profile, start, end)
    if quartiles is None:
        return keys
    return {**keys, **_fitted(quartiles, profile, channel, destination)}


def _says_finality(source: Tables, channel: Tables) -> bool:
    """Return whether a chain has the level for which a channel's protocol waits."""
    return f"{_text(channel, 'confidence')}_seconds" in source


def _measured(
    profile: ProtocolProfile, start: ChainProfile | None, end: ChainProfile | None
) -> tuple[float, float, float] | None:
    """Return the quartiles of a lane, if it was measured."""
    if start is not None and end is not None:
        lane = measured_lanes().get((profile.name, start.name, end.name))
        if lane is not None:
            return lane.quartiles_seconds
    return profile.quartiles_seconds


def _fitted(
    quartiles: tuple[float, float, float],
    profile: ProtocolProfile,
    channel: Tables,
    destination: Tables,
) -> Tables:
    """Return the keys that fit a lane; the measured lane has the profile's own verifiers.

    A file that asks for other verifiers gets theirs beside the same time of each.
    """
    execution = channel.get("execution_seconds", profile.channel.get("execution_seconds"))
    block = destination.get("block_seconds")
    around = Surroundings(
        execution if isinstance(execution, int | float) else EXECUTION_SECONDS,
        block if isinstance(block, int | float) else FALLBACK_BLOCK_SECONDS,
        profile.protocol["verifiers"],
        profile.protocol["quorum"],
        profile.spread,
        profile.attestation_share,
    )
    return fit_lane(quartiles, around)
