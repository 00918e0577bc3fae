"""Serves the dashboard, on this machine alone unless told otherwise."""

from __future__ import annotations

import ipaddress
import logging
import socket
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from werkzeug.serving import make_server

from abm.dashboard.app import make_app
from abm.errors import ResultsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOST = "127.0.0.1"
PORT = 8050


def is_loopback(host: str) -> bool:
    """Say whether an address reaches this machine alone.

    >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "10.0.0.5")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(
    root: Path, *, host: str = HOST, port: int = PORT, say: Callable[[str], None] = print
) -> None:
    """Serve the pages of a folder until interrupted.

    Parameters
    ----------
    root : Path
        Folder of a run, of a study, or of many.
    host : str
        Address to listen at; only this machine can reach the usual one.
    port : int
        0 takes any that is free.
    say : callable
        Told in words where the pages are.

    Raises
    ------
    ResultsError
        If the folder is not there, or the address cannot be listened at.
    """
    if not root.is_dir():
        raise ResultsError(root, "there is no such folder; name the folder of a run or a study")
    alone = is_loopback(host)
    app = make_app(root, only_loopback=alone)
    # A line for every request would bury the two lines that matter.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        server = make_server(host, port, app.server, threaded=True)
    except (OSError, SystemExit, socket.gaierror) as error:
        reason = f"{host}:{port} cannot be listened at ({error}); choose another --port or --host"
        raise ResultsError(root, reason) from error
    say(f"{root} at http://{host}:{server.server_port}/ (Ctrl-C ends it)")
    if not alone:
        say(
            f"Listening at {host}: every machine that reaches this one can read these results; "
            "there is no password."
        )
    # Intervals need it, and most of a second to load: while the browser draws the frame.
    Thread(target=import_module, args=("scipy.stats",), daemon=True).start()
    try:
        server.serve_forever()
    finally:
        server.server_close()
