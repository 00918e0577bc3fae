from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from abm.dashboard.app import _controls, make_app
from abm.dashboard.catalog import Selection
from abm.dashboard.pages import PAGES
from abm.recording.results import read_results

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

    from abm.dashboard.pages.base import Choices, Control

HERE = "http://127.0.0.1:8050"


@pytest.fixture(scope="module")
def client(results: Path) -> FlaskClient:
    client: FlaskClient = make_app(results).server.test_client()
    return client


def test_pages_may_load_and_send_nothing_elsewhere(client: FlaskClient) -> None:
    answer = client.get("/", base_url=HERE)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "http" not in policy
    assert '<html lang="en">' in answer.text


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.5:8050", "localhost.evil.example"])
def test_a_request_by_another_name_is_refused(client: FlaskClient, host: str) -> None:
    assert client.get("/", base_url=f"http://{host}").status_code == 403


@pytest.mark.parametrize("host", ["localhost:8050", "127.0.0.1", "127.0.0.53:1", "[::1]:8050"])
def test_a_request_to_this_machine_is_answered(client: FlaskClient, host: str) -> None:
    assert client.get("/", base_url=f"http://{host}").status_code == 200


def test_a_dashboard_opened_to_others_answers_by_any_name(results: Path) -> None:
    client = make_app(results, only_loopback=False).server.test_client()
    assert client.get("/", base_url="http://risk.example").status_code == 200


def test_a_download_holds_the_rows_asked_for(client: FlaskClient, results: Path) -> None:
    query = {
        "at": "crash",
        "table": "liquidations",
        "column": "bad_debt_usd",
        "compare": "at_least",
        "value": "0.01",
    }
    answer = client.get("/download/parquet", base_url=HERE, query_string=query)
    table = read_results(results / "crash").table("liquidations")
    expected = table.filter(pl.col("bad_debt_usd") >= 0.01)
    assert len(expected)
    taken = pl.read_parquet(io.BytesIO(answer.data))
    assert taken["liquidation"].to_list() == expected["liquidation"].to_list()
    assert "liquidations.parquet" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"at": "crash", "table": "nothing"}, "no such table"),
        ({"at": "crash", "table": "../../etc/passwd"}, "no such table"),
        ({"at": "..", "table": "runs"}, "no such table"),
        ({"at": "crash", "table": "steps", "column": "pric"}, "no column 'pric'"),
        ({"at": "crash", "table": "steps", "column": "second", "value": "x"}, "'x' is none"),
        (
            {"at": "crash", "table": "steps", "column": "second", "compare": "<", "value": "1"},
            "no comparison '<'",
        ),
    ],
)
def test_a_download_that_cannot_be_is_told_why(
    client: FlaskClient, query: dict[str, str], words: str
) -> None:
    answer = client.get("/download/csv", base_url=HERE, query_string=query)
    assert answer.status_code == 400
    assert words in answer.text


@pytest.mark.parametrize(
    "path", ["/download/pickle", "/assets/../app.py", "/assets/%2e%2e/app.py", "/../manifest.json"]
)
def test_no_file_is_served_but_the_assets(client: FlaskClient, path: str) -> None:
    answer = client.get(path, base_url=HERE)
    assert answer.status_code == 404 or b"react-entry-point" in answer.data


def test_a_fault_of_one_page_leaves_the_server_standing(client: FlaskClient) -> None:
    assert client.post("/_dash-update-component", base_url=HERE, json={}).status_code >= 400
    assert client.get("/", base_url=HERE).status_code == 200


def test_choices_that_results_cannot_offer_leave_the_page_itself_standing() -> None:
    def controls(_: Selection, __: Choices) -> list[Control]:
        raise KeyError("a column of a later version")

    page = replace(PAGES[0], controls=controls)
    assert _controls(page, Selection(None), {}) == []
