"""One front end as a process of its own, started by the model process."""

from __future__ import annotations

import argparse
import signal
import socket
import ssl
from pathlib import Path

import uvloop

from kernel_server.front_ends.front_end import FrontEnd
from kernel_server.security.tls import server_context


def main() -> None:
    """Serve on inherited sockets; the model process alone decides when to end."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("link", type=int)
    arguments.add_argument("listening", type=int)
    arguments.add_argument("--ssl_config_file", type=Path)
    given = arguments.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a terminal sends these to the whole group
        signal.signal(number, signal.SIG_IGN)
    tls = server_context(given.ssl_config_file, "h2") if given.ssl_config_file else None
    link, listening = socket.socket(fileno=given.link), socket.socket(fileno=given.listening)
    uvloop.run(_serve(link, listening, tls))


async def _serve(link: socket.socket, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
    await FrontEnd().serve(link, listening, tls)


main()
