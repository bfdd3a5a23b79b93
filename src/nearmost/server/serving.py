"""A server on a port of this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from nearmost.errors import InputError
from nearmost.server.guard import Guard, Guarded


def serve(
    app: Callable[[Guard], ASGIApp], *, host: str = "127.0.0.1", port: int = 0, ready: Callable[[str], None] | None
) -> None:
    """Serves until Ctrl-C. Raises InputError where the port is taken, or the host is not this machine alone."""
    if host != "localhost" and not _is_loopback(host):
        raise InputError(
            f"host is {host!r}; the pages run code and are for this machine alone: take 127.0.0.1, and a tunnel "
            "(ssh -L) from elsewhere"
        )
    if not 0 <= port < 1 << 16:
        raise InputError(f"port is {port}; it must be from 0, which takes a free one, to 65535")
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise InputError(f"port {port} cannot be used: {error}; take another one with --port") from None
    guard = Guard(host, listening.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(Guarded(app(guard), guard), log_level="warning", access_log=False))
    with listening:
        if ready is not None:
            ready(guard.address)
        server.run(sockets=[listening])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
