from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from abm.recording.manifest import Manifest, make_manifest
from abm.recording.schemas import SCHEMAS
from abm.recording.tables import arrow_tables, digest
from abm.scenario import fingerprint, parse_scenario, run_id
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from abm.recording.results import RunResults
    from abm.scenario import Scenario

TABLES = {"steps": {"rows": 3, "digest": "abc"}}


def test_a_manifest_comes_back_from_its_text(scenario: Scenario) -> None:
    manifest = make_manifest(scenario, TABLES)
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_the_text_of_a_manifest_has_sorted_keys(scenario: Scenario) -> None:
    text = make_manifest(scenario, TABLES).to_json()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


def test_a_manifest_names_the_run_and_the_versions_it_was_made_with(scenario: Scenario) -> None:
    manifest = make_manifest(scenario, TABLES)
    assert manifest.run_id == run_id(scenario)
    assert manifest.fingerprint == fingerprint(scenario)
    assert manifest.tables == TABLES
    assert manifest.versions["python"] == sys.version.split()[0]
    assert manifest.versions["numpy"] == np.__version__
    assert manifest.versions["abm"] == version("abm")


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": 4}', '{"format": "1"}', '{"format": 3}'])
def test_other_json_is_no_manifest(text: str) -> None:
    with pytest.raises(ValueError, match="not a manifest of format 3"):
        Manifest.from_json(text)


def test_the_scenario_in_a_manifest_is_the_one_that_ran(run: RunResults) -> None:
    again = parse_scenario(run.manifest.scenario)
    assert fingerprint(again) == run.manifest.fingerprint


def test_a_run_can_be_repeated_from_its_manifest(run: RunResults) -> None:
    assert run.counterfactual is not None
    manifest = run.counterfactual.manifest
    tables = arrow_tables(simulate(parse_scenario(manifest.scenario)))
    assert {name: digest(table) for name, table in tables.items()} == {
        name: entry["digest"] for name, entry in manifest.tables.items()
    }


def test_the_manifest_of_a_run_lists_every_table_with_its_rows(run: RunResults) -> None:
    assert set(run.manifest.tables) == set(SCHEMAS)
    assert {name: table["rows"] for name, table in run.manifest.tables.items()} == {
        name: len(run.table(name)) for name in SCHEMAS
    }


@pytest.mark.parametrize("name", SCHEMAS)
def test_files_carry_units_that_can_be_read_without_this_package(
    run: RunResults, name: str
) -> None:
    schema = pq.read_schema(run.folder / f"{name}.parquet")
    units = {field.name: field.metadata[b"unit"].decode() for field in schema}
    assert units == {column.name: column.unit for column in SCHEMAS[name].columns}
