"""A study whose workers write to an object store: an S3 server on loopback."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from abm.errors import ResultsError
from abm.sweeps import Plan, load_study, plan_study, read_runs, run_study, study_status
from abm.sweeps.store import LocalStore, RemoteStore, Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEEP = 'tables = ["liquidations"]\n'


def planned(path: Path) -> Plan:
    return plan_study(load_study(path))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of an empty bucket."""
    server_module: Any = pytest.importorskip(
        "moto.server", reason="moto[server] is not installed: no S3 server to test against"
    )
    s3fs: Any = pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("abm")
    yield "s3://abm/halts"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.mark.slow
def test_a_study_in_an_object_store_has_the_bytes_of_one_in_a_folder(
    bucket: str, write_study: Callable[..., Path], tmp_path: Path
) -> None:
    plan = planned(write_study(KEEP))
    run_study(plan, tmp_path / "out")

    def stop(finished: int, *_: int) -> None:
        if finished >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(plan, bucket, progress=stop)
    assert 3 <= study_status(bucket).finished < 8
    told: list[int] = []
    # Two processes: each worker opens the bucket by its URL alone.
    run_study(plan, bucket, workers=2, progress=lambda finished, *_: told.append(finished))
    assert told[-1] == 8
    store = open_store(bucket)
    assert store.names() == ["liquidations/00000.parquet", "runs.parquet", "study.json"]
    for name in ("runs.parquet", "liquidations/00000.parquet"):
        assert store.read(name) == (tmp_path / "out" / name).read_bytes()
    assert read_runs(bucket).height == 8


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return an empty store of either kind."""
    if request.param == "folder":
        return LocalStore(tmp_path / "store")
    fsspec: Any = pytest.importorskip("fsspec", reason="the extra `cluster` is not installed")
    files = fsspec.filesystem("memory", skip_instance_cache=True)
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    return RemoteStore(files, "memory://store")


def test_what_was_written_is_read_until_it_is_removed(store: Store) -> None:
    assert store.size("a/b") is None
    with pytest.raises(FileNotFoundError):
        store.read("a/b")
    store.write("a/b", b"one")
    store.write("a/b", b"other")
    store.write("c", b"")
    assert (store.read("a/b"), store.size("a/b")) == (b"other", 5)
    assert store.names() == ["a/b", "c"]
    assert store.names("a") == ["a/b"]
    store.remove("a")
    store.remove("a")
    assert store.names() == ["c"]


def test_a_moved_file_takes_the_place_of_another_and_may_be_moved_twice(store: Store) -> None:
    store.write("aside/a", b"new")
    store.write("a", b"old")
    store.move("aside/a", "a")
    store.move("aside/a", "a")
    assert store.names() == ["a"]
    assert store.read("a") == b"new"


def test_lines_come_back_in_order(store: Store) -> None:
    assert store.lines("log") == []
    store.write("begin", b"")
    for number in range(11):
        store.append("log", str(number).encode())
    assert store.lines("log") == [str(number).encode() for number in range(11)]


def test_a_stream_is_written_and_read_from_any_place(store: Store) -> None:
    with store.output("x.parquet") as file:
        pl.DataFrame({"a": [1, 2]}).write_parquet(file)
    with store.input("x.parquet") as file:
        assert pl.read_parquet(io.BytesIO(file.read()))["a"].to_list() == [1, 2]


def test_a_url_that_nothing_can_open_is_named() -> None:
    with pytest.raises(ResultsError, match="nowhere://x: "):
        open_store("nowhere://x")
