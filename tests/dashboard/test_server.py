from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from abm.dashboard.server import serve
from abm.errors import ResultsError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def unending(monkeypatch: pytest.MonkeyPatch) -> None:
    """End serving as soon as it begins."""
    monkeypatch.setattr("werkzeug.serving.BaseWSGIServer.serve_forever", lambda _: None)


@pytest.mark.usefixtures("unending")
def test_it_listens_to_this_machine_alone_and_says_where(tmp_path: Path) -> None:
    said: list[str] = []
    serve(tmp_path, port=0, say=said.append)
    (line,) = said
    assert f"{tmp_path} at http://127.0.0.1:" in line


@pytest.mark.usefixtures("unending")
def test_it_says_so_when_others_can_reach_it(tmp_path: Path) -> None:
    said: list[str] = []
    serve(tmp_path, host="0.0.0.0", port=0, say=said.append)  # noqa: S104 - what is tested
    assert len(said) == 2
    assert "every machine that reaches this one can read these results" in said[1]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no such folder"):
        serve(tmp_path / "nowhere", port=0)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ResultsError, match=rf"127\.0\.0\.1:{port} cannot be listened at"):
            serve(tmp_path, port=port)


def test_the_pages_are_there_before_the_slow_statistics_are_loaded() -> None:
    code = "import sys, abm.dashboard.server; sys.exit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
