"""Which call a method and a path mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from kernel_server.errors import InvalidArgument
from kernel_server.handlers.model_spec import ModelSpec, parse_version

_NAME = r"/v1/models/(?P<name>[^/:]+)"
_VERSION = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_CALLS = {
    "POST": re.compile(rf"(?i:{_NAME}{_VERSION}):(?P<call>classify|regress|predict)"),
    "GET": re.compile(rf"(?i:{_NAME}{_VERSION}(?:/(?P<call>metadata))?)"),
}
_NAMELESS = re.compile(rf"(?i:/v1/models{_VERSION}(?:/metadata)?)")


@dataclass(frozen=True, slots=True)
class Route:
    """A call of the API: ``predict``, ``classify``, ``regress``, ``metadata`` or ``status``."""

    call: str
    spec: ModelSpec


@lru_cache(maxsize=1024)
def match(method: str, path: str) -> Route:
    """The call that ``path`` names, percent-encoded as sent and without its query.

    Names are decoded after matching, so an encoded ``/`` or ``:`` belongs to the name. Raises
    :class:`InvalidArgument` for a path that names no call.
    """
    pattern = _CALLS.get(method)
    found = pattern.fullmatch(path) if pattern else None
    if found is None:
        if method == "GET" and _NAMELESS.fullmatch(path):
            raise InvalidArgument("Missing model name in request.")
        raise InvalidArgument(f"Malformed request: {method} {path}")
    version, label = found["version"], found["label"]
    spec = ModelSpec(
        unquote(found["name"]),
        version=None if version is None else parse_version(version),
        label=None if label is None else unquote(label),
    )
    return Route((found["call"] or "status").lower(), spec)
