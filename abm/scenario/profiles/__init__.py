"""Ready figures of real chains and protocols, which a scenario names and overrides key by key."""

from abm.scenario.profiles.catalogue import (
    CHAINS,
    PROTOCOLS,
    ChainProfile,
    MeasuredLane,
    ProtocolProfile,
    chain_profiles,
    measured_lanes,
    protocol_profiles,
)
from abm.scenario.profiles.expansion import expand_profiles

__all__ = [
    "CHAINS",
    "PROTOCOLS",
    "ChainProfile",
    "MeasuredLane",
    "ProtocolProfile",
    "chain_profiles",
    "expand_profiles",
    "measured_lanes",
    "protocol_profiles",
]
