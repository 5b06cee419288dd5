"""Memory: what versions leave behind goes back to the system, what requests leave behind is used again.

glibc takes large blocks from the system one by one, and others from heaps, which shrink at their ends only.
Large is what exceeds the largest such block that was freed so far, up to 32 MiB. So the weights of a second
version would lie in a heap, and stay there as free memory when it is gone. With the smallest limit for all,
on the other hand, each large request would begin with fresh pages, which the system has to clear. So would
one whose tensors reach into a second heap, since that goes back as soon as nothing in it is used, unless more
is to be left at the end of the first than a heap holds.

Threads that share a heap wait for each other, and one that loads a model may keep it for milliseconds at
a time. glibc has eight heaps a processor, which are fewer than there are threads where processors are few.

Other C libraries are left alone, and so is a glibc that the environment tunes.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kernel_server.giving_way import giving_way

_TUNING = {"GLIBC_TUNABLES", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_TRIM_THRESHOLD_"}
_LARGE = -3  # M_MMAP_THRESHOLD of malloc.h
_KEPT_AT_AN_END = -1  # M_TRIM_THRESHOLD
_LEFT_AT_AN_END = -2  # M_TOP_PAD
_MOST_HEAPS = -8  # M_ARENA_MAX

_LARGE_IN_LOADS = 128 << 10
_LARGE_OTHERWISE = 32 << 20
"""Where glibc begins, and where its own adjusting ends; what is kept at an end is twice that there."""

_LEFT_IN_LOADS = 128 << 10
_LEFT_OTHERWISE = 64 << 20
"""Where glibc begins, and what a heap holds; large blocks, too, come from heaps where these have room."""

_HEAPS = max(64, 8 * (os.cpu_count() or 1))

_lock = threading.Lock()
_loads = 0


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux" or _TUNING & os.environ.keys():
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") else None


_libc = _glibc()


def prepare() -> None:
    """Let threads have heaps of their own; to be called before there are many."""
    if _libc is not None and "MALLOC_ARENA_MAX" not in os.environ:
        _libc.mallopt(_MOST_HEAPS, _HEAPS)


@contextmanager
def of_a_version() -> Iterator[None]:
    """Have large blocks that any thread allocates meanwhile go back to the system when they are freed."""
    global _loads
    with _lock:
        _loads += 1
        _tune(_LARGE_IN_LOADS, _LEFT_IN_LOADS)
    try:
        yield
    finally:
        with _lock:
            _loads -= 1
            if not _loads:
                _tune(_LARGE_OTHERWISE, _LEFT_OTHERWISE)


def give_back() -> None:
    """Have a thread of its own give back what is left of a version that is gone.

    That is what refers to itself in a circle, and the free pages between blocks in use.
    """
    threading.Thread(target=_give_back, name="memory", daemon=True).start()


def _give_back() -> None:
    gc.collect()
    if (libc := _libc) is not None:
        giving_way(lambda: libc.malloc_trim(ctypes.c_size_t(0)))


def _tune(large: int, left: int) -> None:
    if _libc is not None:
        _libc.mallopt(_LARGE, large)
        _libc.mallopt(_KEPT_AT_AN_END, 2 * _LARGE_OTHERWISE)
        _libc.mallopt(_LEFT_AT_AN_END, left)
