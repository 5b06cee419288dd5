"""``python -m workbench.load [SPEC.json]``: the generator as a process.

The spec (a :class:`~workbench.load.spec.LoadSpec` as JSON) comes from the named file, or as one line
on standard input. Standard output carries one JSON object a line: ``{"event": "progress", …}`` four
times a second, then one ``result``, ``cancelled`` or ``error``. SIGTERM, SIGINT and, when the spec
came on standard input, the end of that stream cancel the run: a generator never outlives its parent.
Exit status: 0 result, 1 error, 3 cancelled.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import NoReturn

from workbench.errors import WorkbenchError
from workbench.load.generator import generate
from workbench.load.spec import LoadSpec


class _Cancelled(BaseException):
    """Raised by the signal handlers wherever the run happens to be."""


def main() -> int:
    """Run the spec; returns the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _cancel)
    try:
        result = generate(_read_spec(), lambda progress: _emit("progress", asdict(progress)))
    except _Cancelled:
        _emit("cancelled", {})
        return 3
    except (WorkbenchError, OSError, ValueError) as error:
        _emit("error", {"message": str(error)})
        return 1
    _emit("result", json.loads(result.to_json()))
    return 0


def _read_spec() -> LoadSpec:
    if len(sys.argv) > 1:
        return LoadSpec.from_json(Path(sys.argv[1]).read_text())
    line = sys.stdin.readline()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return LoadSpec.from_json(line)


def _end_with_parent() -> None:
    """A pipe ends when its writer dies, however that happened."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _cancel(number: int, frame: FrameType | None) -> NoReturn:
    raise _Cancelled


def _emit(event: str, values: dict[str, object]) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
