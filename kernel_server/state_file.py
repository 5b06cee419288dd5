"""The file that tells others how to reach a running server: there when it is ready, gone when it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCHEMA = 1


class StateFile:
    """One JSON object, readable by its user alone; replaced as a whole, never seen half written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the contents; creates the folder, for its user alone, if it is missing."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"schema": SCHEMA, **state}, file, indent=2)
        draft.replace(self._path)

    def remove(self) -> None:
        """Delete the file, unless another process has written it since."""
        try:
            if json.loads(self._path.read_text()).get("pid") == os.getpid():
                self._path.unlink()
        except (OSError, ValueError):
            return
