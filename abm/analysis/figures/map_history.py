"""The state of chains and channels at any second of a run, from its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from abm.analysis.figures.facts import (
    Channel,
    chains_of,
    channels_of,
    layers_of,
    rows_of,
    shocks_of,
    venue_of,
    venues_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.analysis.delays import ShockSpan
    from abm.recording.results import RunResults

# The end of what has none: later than any run.
FOREVER = 2**62


@dataclass(frozen=True)
class ChainState:
    """One chain at one second.

    Attributes
    ----------
    equity_usd : float
        What stands there: collateral of traders at the true price; at the venue the assets of its
        balance sheet, where there is one.
    gap_usd : float or None
        Assets and receivables less what was promised, where the run records it.
    stress : int
        Open liquidations of accounts whose collateral stands there.
    loss_usd : float
        Bad debt that such accounts have left so far.
    lost_now_usd : float
        Of it, since the frame before.
    halted : bool
    """

    name: str
    equity_usd: float
    gap_usd: float | None
    stress: int
    loss_usd: float
    lost_now_usd: float
    halted: bool


@dataclass(frozen=True)
class ChannelState:
    """One channel at one second: what is under way, for how long, what was lost so far."""

    channel: Channel
    messages: int
    value_usd: float
    delay_seconds: float
    lost: int
    blocked: bool


@dataclass(frozen=True)
class MapState:
    """Chains, channels and shocks at one second."""

    second: int
    chains: tuple[ChainState, ...]
    channels: tuple[ChannelState, ...]
    shocks: tuple[ShockSpan, ...]


class MapHistory:
    """Reads a run once, then gives its state at any sampled second.

    Parameters
    ----------
    results : RunResults
        A run with the tables ``chains`` and ``channels``.
    """

    def __init__(self, results: RunResults) -> None:
        self.chains = chains_of(results)
        self.channels = channels_of(results)
        self.venue = venue_of(results)
        self.venues = venues_of(results)
        self.shocks = shocks_of(results)
        samples = rows_of(results, "chains")
        self.seconds: list[int] = samples["second"].unique().sort().to_list()
        self._at = np.array(self.seconds, dtype=np.int64)
        self._samples = _by_name(samples, "chain")
        self._traffic = _by_name(rows_of(results, "channels"), "channel")
        self._sheets = _by_name(rows_of(results, "solvency"), "chain")
        self._messages = {
            name: _Spans(part, "sent_second", "end_second")
            for name, part in _by_name(rows_of(results, "messages"), "channel").items()
        }
        self._lost = {
            name: np.sort(
                part.filter(~pl.col("fate").is_in(["delivered", "in_flight"]))["end_second"]
                .drop_nulls()
                .to_numpy()
            )
            for name, part in _by_name(rows_of(results, "messages"), "channel").items()
        }
        liquidations = _by_name(rows_of(results, "liquidations"), "chain")
        self.stress = {
            name: _Spans(part, "breach_second", "ended_second").counts(self._at)
            for name, part in liquidations.items()
        }
        losses = rows_of(results, "waterfall")
        total = pl.sum_horizontal(list(layers_of(losses))).alias("loss_usd")
        self.losses = {
            name: _added_up(part, self._at)
            for name, part in _by_name(losses.with_columns(total), "chain").items()
        }
        self.most_stress = int(max((part.max() for part in self.stress.values()), default=0))
        # A venue's own vault would make all other chains look alike.
        others = [name for name in self.chains if name not in self.venues] or self.chains
        self.most_usd = max((self._equity(name, 0) for name in others), default=0.0)

    @property
    def most_stressed(self) -> int:
        """The second at which most liquidations are open (ties: the first)."""
        total = sum(self.stress.values(), np.zeros(len(self.seconds), dtype=np.int64))
        return self.seconds[int(np.argmax(total))]

    def state(self, second: int) -> MapState:
        """Return the state at the last sample not after a second."""
        place = max(int(np.searchsorted(self._at, second, "right")) - 1, 0)
        at = self.seconds[place]
        return MapState(
            at,
            tuple(self._chain(name, place) for name in self.chains),
            tuple(self._channel(channel, place) for channel in self.channels),
            tuple(
                shock
                for shock in self.shocks
                if shock.span.start <= at < max(shock.span.end, shock.span.start + 1)
            ),
        )

    def _equity(self, name: str, place: int) -> float:
        at = self.seconds[place]
        sheet = _last(self._sheets.get(name), at)
        if name in self.venues and sheet:
            return float(sheet["assets_usd"] or 0.0)
        return float(_last(self._samples.get(name), at).get("collateral_usd") or 0.0)

    def _chain(self, name: str, place: int) -> ChainState:
        at = self.seconds[place]
        sample, sheet = _last(self._samples.get(name), at), _last(self._sheets.get(name), at)
        losses = self.losses.get(name)
        loss = 0.0 if losses is None else float(losses[place])
        before = 0.0 if losses is None or not place else float(losses[place - 1])
        stress = self.stress.get(name)
        return ChainState(
            name,
            self._equity(name, place),
            float(sheet["gap_usd"]) if sheet else None,
            0 if stress is None else int(stress[place]),
            loss,
            loss - before,
            bool(sample.get("halted")),
        )

    def _channel(self, channel: Channel, place: int) -> ChannelState:
        at = self.seconds[place]
        sample = _last(self._traffic.get(channel.name), at)
        value, delay, lost = float(sample.get("escrow_usd") or 0.0), 0.0, 0
        count = int(sample.get("waiting") or 0)
        messages = self._messages.get(channel.name)
        if messages is not None:
            count, oldest, carried = messages.under_way(at)
            value = max(value, carried)
            delay = float(at - oldest) if count else 0.0
            lost = int(np.searchsorted(self._lost[channel.name], at, "right"))
        return ChannelState(channel, count, value, delay, lost, bool(sample.get("blocked")))


class _Spans:
    """Things that begin and, most of them, end."""

    def __init__(self, frame: pl.DataFrame, start: str, end: str) -> None:
        self._start = frame[start].to_numpy()
        self._end = frame[end].fill_null(FOREVER).to_numpy()
        values = frame["value_usd"].fill_null(0.0) if "value_usd" in frame.columns else None
        self._value = np.zeros(len(frame)) if values is None else values.to_numpy()

    def counts(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many had begun and not ended at each second."""
        begun = np.searchsorted(np.sort(self._start), at, "right")
        return begun - np.searchsorted(np.sort(self._end), at, "right")

    def under_way(self, at: int) -> tuple[int, int, float]:
        """Return how many are under way, when the oldest began, and their dollars."""
        there = (self._start <= at) & (self._end > at)
        if not there.any():
            return 0, at, 0.0
        return int(there.sum()), int(self._start[there].min()), float(self._value[there].sum())


def _added_up(losses: pl.DataFrame, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the losses up to each second."""
    ordered = losses.sort("second")
    sums = np.concatenate([[0.0], np.cumsum(ordered["loss_usd"].to_numpy())])
    return np.asarray(sums[np.searchsorted(ordered["second"].to_numpy(), at, "right")])


def _by_name(frame: pl.DataFrame, column: str) -> dict[str, pl.DataFrame]:
    parts = frame.group_by(column, maintain_order=True)
    return {str(name): part for (name,), part in parts}


def _last(frame: pl.DataFrame | None, at: int) -> dict[str, float]:
    """Return the last row not after a second; empty where there is none."""
    if frame is None:
        return {}
    place = int(frame["second"].search_sorted(at, side="right")) - 1
    return frame.row(place, named=True) if place >= 0 else {}
