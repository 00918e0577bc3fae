"""Puts the runs of several places, made by one study, together at a new place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.errors import ResultsError
from abm.sweeps.dataset import open_dataset, plan_of, read_held, read_note, settle, study_status
from abm.sweeps.gathering import Holder, drop_damaged, gather
from abm.sweeps.plan import plan_study
from abm.sweeps.store import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.sweeps.dataset import StudyStatus
    from abm.sweeps.study import Study


def merge_studies(places: Sequence[str], target: str, study: Study | None = None) -> StudyStatus:
    """Gather the runs of all places at a new one; what is left there can be swept on.

    Parameters
    ----------
    places : sequence of str
        Folders or URLs of one study, its base scenario, tables and versions the same. The one that
        plans most runs gives the plan, which must hold all the others'.
    target : str
        New or empty folder or URL, or one of this study.
    study : Study, optional
        What plans the runs of all places, where none of theirs does.

    Returns
    -------
    StudyStatus
        Of the new place.

    Raises
    ------
    ResultsError
        If a place holds no study, another study, or runs that the largest plan does not know.
    """
    stores = [open_store(place) for place in places]
    notes = [read_note(store) for store in stores]
    first = notes[0]
    for place, note in zip(places, notes, strict=True):
        for key, what in (("identity", "another study or base scenario"), ("versions", "versions")):
            if note[key] != first[key]:
                reason = (
                    f"its runs are of other {what}" if key == "versions" else f"it holds {what}"
                )
                raise ResultsError(place, f"{reason} than {places[0]}; they do not go together")
    largest = max(zip(places, notes, strict=True), key=lambda pair: pair[1]["planned"])[0]
    plan = plan_of(largest) if study is None else plan_study(study)
    holders = []
    for store in stores:
        settle(store)
        gathered = read_note(store)["gathered"]
        held = read_held(store, gathered)
        drop_damaged(store, held)
        if strange := np.setdiff1d(np.union1d(held.finished, held.failed), plan.ids).size:
            raise ResultsError(store.place, f"it holds {strange} runs that the largest study lacks")
        holders.append(Holder(store, held, gathered))
    new = open_store(target)
    there = open_dataset(new, plan)
    holders.append(Holder(new, there, read_note(new)["gathered"]))
    spared = max(note["gathered"]["spared"] for note in notes)
    gather(new, plan, holders, spared)
    return study_status(target)
