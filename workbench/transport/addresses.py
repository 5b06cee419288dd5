"""How servers are written down: ``host:port``, ``unix:/path`` or ``http://host:port``."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from workbench.errors import InvalidSetting


def is_http(target: str) -> bool:
    """Whether ``target`` is spoken to over HTTP.

    Raises :class:`InvalidSetting` for something that is no address at all.
    """
    if target.startswith(("http://", "https://")):
        return True
    if not target.startswith("unix:") and not urlsplit(f"//{target}").port:
        raise InvalidSetting("target", target, "write 'host:port', 'unix:/path' or 'http://host:port'")
    return False


def is_local(target: str) -> bool:
    """Whether ``target`` is on this machine, so that no proxy belongs in between."""
    if target.startswith("unix:"):
        return True
    host = urlsplit(target if "//" in target else f"//{target}").hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
