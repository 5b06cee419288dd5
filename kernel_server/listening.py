"""Addresses to listen on: how they are written, and what is said when one cannot be had."""

from __future__ import annotations

import errno

from kernel_server.errors import AlreadyExists, InvalidArgument, ServingError


class AddressInUse(AlreadyExists):
    """Something else listens there."""

    def __init__(self, flag: str, address: str) -> None:
        super().__init__(
            f"Cannot listen on {address}: it is in use by another process. Stop what listens there, or give "
            f"another --{flag}; --{flag}=auto lets the system choose a port."
        )


class CannotListen(InvalidArgument):
    """The system has no such address, or does not allow to listen there."""

    def __init__(self, flag: str, address: str, reason: str) -> None:
        super().__init__(f"Cannot listen on {address}: {reason}. Check --host and --{flag}.")


def listening_failed(flag: str, address: str, error: OSError) -> ServingError:
    """What to raise for an ``error`` on listening to ``address``, which ``flag`` asked for."""
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(flag, address)
    return CannotListen(flag, address, error.strerror or str(error))


def host_port(host: str, port: int) -> str:
    """The two as one text, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
