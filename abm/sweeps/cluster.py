"""Runs batches on a running Dask cluster, through its own client: an address is all it needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from abm.errors import AbmError
from abm.sweeps.batches import Batch, Record, note_deaths, run_batch
from abm.sweeps.local import DEATHS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from abm.sweeps.execution import Supply

# Batches under way for each thread of the cluster: one runs, one is there when it ends.
AHEAD = 2
# Workers may come and go: they are counted again after so many batches.
COUNT_EVERY = 16
CONNECT_SECONDS = 20


class ClusterError(AbmError, OSError):
    """A cluster that cannot be used: no extra installed, nobody at the address."""


class ClusterWorkers:
    """The workers of a Dask scheduler; those that are lost are replaced by it.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def run(self, supply: Supply) -> Generator[Record]:
        """Run batches until there are none, and yield the record of each.

        Raises
        ------
        ClusterError
            If Dask is not installed, or no scheduler answers.
        """
        client = self._client()
        try:
            yield from _drive(client, supply)
        finally:
            client.close()

    def _client(self) -> Any:  # noqa: ANN401 - Dask's own types are not complete
        try:
            import distributed  # noqa: PLC0415 - an extra
        except ImportError as error:
            reason = "--scheduler needs Dask: pip install 'abm[cluster]'"
            raise ClusterError(reason) from error
        try:
            # Dask types some of its functions and not others.
            connect: Any = distributed.Client
            return connect(self.address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise ClusterError(f"--scheduler {self.address}: no scheduler answers there") from error


def _drive(client: Any, supply: Supply) -> Iterator[Record]:  # noqa: ANN401
    import distributed  # noqa: PLC0415 - an extra

    under_way: dict[Any, Batch] = {}
    completing: Any = distributed.as_completed
    completed = completing()
    again: list[Batch] = []
    slots, ended = _slots(client), 0
    try:
        while True:
            while len(under_way) < AHEAD * slots and (
                batch := again.pop() if again else supply.next(slots)
            ):
                # Not pure: the same batch may have to be run again after its files were lost.
                future = client.submit(run_batch, batch, pure=False)
                under_way[future] = batch
                completed.add(future)
            if not under_way:
                return
            future = next(completed)
            batch = under_way.pop(future)
            try:
                yield future.result()
            except distributed.KilledWorker:
                # So many workers died with it under way: which of its runs was it?
                if len(batch.orders) > 1:
                    again += [replace(batch, orders=(order,)) for order in batch.orders]
                else:
                    yield note_deaths(batch, DEATHS)
            ended += 1
            if ended % COUNT_EVERY == 0:
                slots = _slots(client)
    finally:
        client.cancel(list(under_way))


def _slots(client: Any) -> int:  # noqa: ANN401
    return max(int(sum(client.nthreads().values())), 1)
