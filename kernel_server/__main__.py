"""``python -m kernel_server``: the same as the command ``kernel-server``."""

from __future__ import annotations

import sys

from kernel_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
