"""What the bodies of all requests for inference have in common."""

from __future__ import annotations

from typing import Any

from kernel_server.errors import InvalidArgument
from kernel_server.rest.json_parse import echo, parse


class JsonBody:
    """A parsed request body, of which nothing but the signature's name has been looked at.

    Raises :class:`InvalidArgument` when ``text`` is not a JSON object or the signature's name no string.
    """

    __slots__ = ("_document", "signature_name")

    def __init__(self, text: bytes) -> None:
        document = parse(text)
        if not isinstance(document, dict):
            raise InvalidArgument(f"JSON Value: {echo(document)} Is not object")
        self._document: dict[str, Any] = document
        self.signature_name: str = document.get("signature_name", "")
        """As the client wrote it; empty means the default signature."""
        if not isinstance(self.signature_name, str):
            raise self._malformed("not formatted correctly. 'signature_name' key must be a string value.")

    def _malformed(self, problem: str) -> InvalidArgument:
        return InvalidArgument(f"JSON Value: {echo(self._document)} {problem}")
