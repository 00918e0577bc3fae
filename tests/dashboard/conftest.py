"""What the tests of the dashboard share: a folder of results, a server, and a real browser."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import make_server

from abm.dashboard.app import make_app
from abm.dashboard.catalog import Catalog
from abm.scenario import parse_scenario
from abm.studies.paired import run_pair
from abm.sweeps import load_study, plan_study, run_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selenium.webdriver import Chrome

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"

STUDY = f"""
name = "halts"
question = "What does each hour of a halt cost?"
scenario = "{SMALL_CRASH}"
replicates = 2
counterfactual = true
tables = ["steps", "chains", "channels", "liquidations", "waterfall"]

[factors."shocks.far_halt.duration_hours"]
values = [0.25, 1.25]

[factors."liquidation.close_out"]
values = ["on_proceeds", "at_once"]
"""

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run and its pair, and a study that keeps tables."""
    folder = tmp_path_factory.mktemp("shown")
    scenario = parse_scenario(tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8")))
    run_pair(scenario, folder / "crash")
    file = tmp_path_factory.mktemp("study") / "study.toml"
    file.write_text(STUDY, encoding="utf-8")
    run_study(plan_study(load_study(file)), folder / "halts")
    return folder


@pytest.fixture(scope="session")
def catalog(results: Path) -> Catalog:
    return Catalog(results)


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of this machine; give its address."""
    server = make_server("127.0.0.1", 0, make_app(folder).server, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="session")
def serve() -> Callable[[Path], contextlib.AbstractContextManager[str]]:
    """Return what serves a folder for as long as it is asked."""
    return _served


@pytest.fixture(scope="session")
def address(results: Path) -> Iterator[str]:
    with _served(results) as found:
        yield found


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def browser(downloads: Path) -> Iterator[Chrome]:
    """Start headless Chromium, or skip where there is none."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium with its driver here: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1280,1000",
    ):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    chrome = webdriver.Chrome(options=options, service=service)
    try:
        yield chrome
    finally:
        chrome.quit()


@pytest.fixture(scope="session")
def hosts_asked(browser: Chrome) -> Callable[[], set[str]]:
    """Return what gives the hosts that pages have asked for anything since the last look."""

    def hosts() -> set[str]:
        found = set()
        log: list[dict[str, str]] = browser.get_log("performance")  # type: ignore[no-untyped-call]
        for entry in log:
            message: dict[str, Any] = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if url.startswith(("http:", "https:", "ws:", "wss:")):
                    found.add(url.split("/")[2].partition(":")[0])
        return found

    return hosts
