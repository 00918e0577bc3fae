"""The command that sets the architectures side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from abm.cli import app
from abm.collateral import ARCHITECTURES
from abm.errors import ScenarioError
from abm.studies.architectures import plan_architectures
from abm.sweeps import read_runs

SMALL_CRASH = Path(__file__).parent.parent / "scenario" / "small_crash.toml"


def test_the_command_prints_a_row_for_each_architecture_and_leaves_a_dataset(
    tmp_path: Path,
) -> None:
    command = ["architectures", str(SMALL_CRASH), "--set", "clock.hours=1", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    for name in ARCHITECTURES:
        assert name in result.output
    runs = read_runs(tmp_path)
    assert runs["architecture"].to_list() == list(ARCHITECTURES)
    assert runs["seed"].n_unique() == 1


def test_a_missing_channel_is_named_with_the_architecture_that_needs_it(tmp_path: Path) -> None:
    text = SMALL_CRASH.read_text(encoding="utf-8")
    start, end = text.index("[channels.to_near]"), text.index("[channels.from_near]")
    broken = tmp_path / "broken.toml"
    broken.write_text(
        text[:start].replace('"message_passing"', '"silo"')
        + text[end:].replace('"message_passing"', '"silo"'),
        encoding="utf-8",
    )
    with pytest.raises(ScenarioError, match="asset_bridge needs a channel from venue to near"):
        plan_architectures(broken)
