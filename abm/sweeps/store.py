"""Where a dataset stands: a folder of this machine, or any place that fsspec can reach by a URL.

A file appears whole or not at all: here it is written aside and renamed; object stores keep what
was put only when all of it has come.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from abm.errors import ResultsError

if TYPE_CHECKING:
    from collections.abc import Iterator

BinaryFile = Any  # what Arrow reads from and writes to


class Store(Protocol):
    """The files of one dataset, by their names in it, with slashes."""

    place: str

    def read(self, name: str) -> bytes:
        """Return a file; FileNotFoundError where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file so that it is either whole or as it was."""

    def append(self, name: str, line: bytes) -> None:
        """Add a line to a log; `lines` gives it back."""

    def lines(self, name: str) -> list[bytes]:
        """Return the whole lines of a log; one that was torn off is no line."""

    def names(self, folder: str = "") -> list[str]:
        """Return the names of all files under a folder, sorted."""

    def size(self, name: str) -> int | None:
        """Return the bytes of a file, None where there is none."""

    def move(self, name: str, target: str) -> None:
        """Put a file into the place of another; nothing happens if it was moved before."""

    def remove(self, name: str) -> None:
        """Remove a file or a folder, if it is there."""

    def output(self, name: str) -> Any:  # noqa: ANN401 - a context of a binary file
        """Return a context that gives a file to write a stream into."""

    def input(self, name: str) -> BinaryFile:
        """Return an open file to read from any place of."""


def open_store(place: str | Path) -> Store:
    """Return the store at a folder or URL.

    Raises
    ------
    ResultsError
        If the folder is a file, or a URL's protocol needs a package that is not installed.
    """
    if "://" not in str(place):
        return LocalStore(Path(place))
    try:
        import fsspec  # noqa: PLC0415 - an extra

        files, _ = fsspec.url_to_fs(str(place))
    except ImportError as error:
        reason = (
            f"a URL needs a package that is not installed ({error}); pip install 'abm[cluster]'"
        )
        raise ResultsError(place, reason) from error
    except ValueError as error:
        raise ResultsError(place, str(error)) from error
    return RemoteStore(files, str(place).rstrip("/"))


class LocalStore:
    """A folder of this machine, or of a file system that it has mounted."""

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise ResultsError(folder, "the results of a study need a folder; this is a file")
        self.folder = folder.absolute()
        self.place = str(folder)

    def read(self, name: str) -> bytes:
        """Return a file."""
        return (self.folder / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Write a file aside, see it on the disk, and rename it."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(prefix=".writing-", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            Path(aside).chmod(0o644)
            Path(aside).replace(target)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise

    def append(self, name: str, line: bytes) -> None:
        """Add a line; after a torn one it begins anew."""
        path = self.folder / name
        with path.open("a+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(end - 1, 0))
            torn = file.read(1) not in (b"", b"\n")
            file.write((b"\n" if torn else b"") + line + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def lines(self, name: str) -> list[bytes]:
        """Return the whole lines of a log."""
        path = self.folder / name
        return path.read_bytes().split(b"\n")[:-1] if path.is_file() else []

    def names(self, folder: str = "") -> list[str]:
        """Return the names of all files under a folder, without those being written."""
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in (self.folder / folder).rglob("*")
            if path.is_file() and not path.name.startswith(".writing-")
        )

    def size(self, name: str) -> int | None:
        """Return the bytes of a file."""
        path = self.folder / name
        return path.stat().st_size if path.is_file() else None

    def move(self, name: str, target: str) -> None:
        """Rename a file over another."""
        if (self.folder / name).is_file():
            (self.folder / target).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).replace(self.folder / target)

    def remove(self, name: str) -> None:
        """Remove a file or a folder."""
        path = self.folder / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    @contextmanager
    def output(self, name: str) -> Iterator[BinaryFile]:
        """Give a file to write a stream into, and see it on the disk."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    def input(self, name: str) -> BinaryFile:
        """Return an open file."""
        return (self.folder / name).open("rb")


class RemoteStore:
    """A place behind an fsspec URL, such as ``s3://bucket/folder``."""

    def __init__(self, files: Any, place: str) -> None:  # noqa: ANN401 - fsspec ships no types
        self.files = files
        self.place = place
        self._next: dict[str, int] = {}

    def _path(self, name: str) -> str:
        return f"{self.place}/{name}" if name else self.place

    def read(self, name: str) -> bytes:
        """Return an object."""
        return bytes(self.files.cat_file(self._path(name)))

    def write(self, name: str, content: bytes) -> None:
        """Put an object."""
        self.files.pipe_file(self._path(name), content)

    def append(self, name: str, line: bytes) -> None:
        """Put a line as an object of its own: object stores cannot append."""
        segments = self._segments(name) if name not in self._next else []
        number = self._next.get(name) or (int(segments[-1].rpartition("/")[2]) if segments else 0)
        self._next[name] = number + 1
        self.write(f"{name}.d/{number + 1:08d}", line)

    def lines(self, name: str) -> list[bytes]:
        """Return the lines of a log."""
        return [self.read(segment) for segment in self._segments(name)]

    def _segments(self, name: str) -> list[str]:
        return self.names(f"{name}.d")

    def names(self, folder: str = "") -> list[str]:
        """Return the names of all objects under a folder."""
        self.files.invalidate_cache()
        root = self.files._strip_protocol(self.place)  # noqa: SLF001 - fsspec's way to a bare path
        found = self.files.find(self._path(folder))
        return sorted(str(path)[len(root) :].lstrip("/") for path in found)

    def size(self, name: str) -> int | None:
        """Return the bytes of an object."""
        self.files.invalidate_cache()
        try:
            return int(self.files.size(self._path(name)))
        except FileNotFoundError:
            return None

    def move(self, name: str, target: str) -> None:
        """Copy an object over another, and remove it."""
        if self.size(name) is not None:
            self.files.copy(self._path(name), self._path(target))
            self.files.rm_file(self._path(name))

    def remove(self, name: str) -> None:
        """Remove an object, or all under a folder."""
        self.files.invalidate_cache()
        if self.files.exists(self._path(name)):
            self.files.rm(self._path(name), recursive=True)

    def output(self, name: str) -> Any:  # noqa: ANN401
        """Give an object to write a stream into; it is there once it is closed."""
        return self.files.open(self._path(name), "wb")

    def input(self, name: str) -> BinaryFile:
        """Return an open object."""
        return self.files.open(self._path(name), "rb")


@contextmanager
def open_parquet(store: Store, name: str) -> Iterator[Any]:
    """Open a Parquet file of a store so that no thread of Arrow's touches the open file.

    A thread that still holds it while the interpreter shuts down ends the process with SIGABRT
    (``terminate called without an active exception``). So nothing is read ahead; read with
    ``use_threads=False``.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - not needed to look at files

    with store.input(name) as file:
        yield pq.ParquetFile(file, pre_buffer=False)
