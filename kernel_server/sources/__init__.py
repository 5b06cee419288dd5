"""Where versions come from: each source says which versions of a model should exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

Emit = Callable[[str, Sequence[tuple[int, Path]]], None]
"""Told a model's name and all versions that should exist, each with its folder. Called again when
the versions change, and also when they do not."""
