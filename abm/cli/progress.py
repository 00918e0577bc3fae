"""How far many runs have come: a bar on a terminal, plain lines or JSON anywhere else."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

# A line of progress at least this often where the output is no terminal.
LINE_EVERY_SHARE = 0.1
LINE_EVERY_SECONDS = 30.0


class Progress(Protocol):
    """Told of finished, failed and planned runs."""

    def __call__(self, finished: int, failed: int, runs: int, /) -> None:
        """Show them."""


@contextmanager
def show_progress(name: str, runs: int, *, as_json: bool = False) -> Iterator[Progress]:
    """Show a bar on a terminal; else a line for every tenth of the runs, and every half minute."""
    if as_json or not sys.stderr.isatty():
        yield _Lines(as_json=as_json)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    rate = _Rate()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed, {task.fields[rate]}, left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(name, total=runs, failed=0, rate="")

        def show(finished: int, failed: int, runs: int) -> None:
            rate.learn(finished + failed)
            speed = f"{rate.per_second:,.1f} runs/s" if rate.per_second else ""
            bar.update(task, completed=finished + failed, total=runs, failed=failed, rate=speed)

        yield show


class _Rate:
    """Runs per second since the first report, which holds what an earlier sweep did."""

    def __init__(self) -> None:
        self.start: tuple[float, int] | None = None
        self.per_second: float | None = None

    def learn(self, done: int) -> None:
        now = time.monotonic()
        if self.start is None:
            self.start = now, done
        elif now > self.start[0] and done > self.start[1]:
            self.per_second = (done - self.start[1]) / (now - self.start[0])


class _Lines:
    """Writes a line now and then: not one for each of a million runs."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.rate = _Rate()
        self.shown, self.when = 0.0, time.monotonic()

    def __call__(self, finished: int, failed: int, runs: int, /) -> None:
        self.rate.learn(finished + failed)
        share, now = (finished + failed) / max(runs, 1), time.monotonic()
        late = now >= self.when + LINE_EVERY_SECONDS
        if share < min(self.shown + LINE_EVERY_SHARE, 1) and not late:
            return
        self.shown, self.when = share, now
        typer.echo(self._line(finished, failed, runs), err=not self.as_json)

    def _line(self, finished: int, failed: int, runs: int) -> str:
        speed = self.rate.per_second
        left = (runs - finished - failed) / speed if speed else None
        if self.as_json:
            told = {"finished": finished, "failed": failed, "runs": runs}
            return json.dumps({**told, "runs_per_second": speed, "seconds_left": left})
        line = f"{finished + failed} of {runs} runs, {failed} failed"
        if speed and left is not None:
            from abm.units import format_duration

            line += f", {speed:,.1f} runs/s, {format_duration(left)} left"
        return line
