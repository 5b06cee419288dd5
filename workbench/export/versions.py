"""Numbered version directories: which exist, and how a new one appears all at once."""

from __future__ import annotations

import contextlib
import errno
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from workbench.export.errors import VersionExists


def version_directories(base_path: Path) -> dict[int, Path]:
    """The versions on disk by number, as a model server counts them: ``00000123`` is 123.

    Children whose name is no number are ignored; a base path that does not exist holds none.
    """
    if not base_path.is_dir():
        return {}
    return {int(child.name): child for child in sorted(base_path.iterdir()) if child.name.isdecimal()}


@contextlib.contextmanager
def staging_directory(base_path: Path) -> Iterator[Path]:
    """A hidden sibling of the versions to write into, removed on exit unless it was published.

    It lies on the same file system as the versions, so that publishing is one rename, and its name is
    no number, so that a polling server does not look at it.
    """
    base_path.mkdir(parents=True, exist_ok=True)
    staging = base_path / f".export-{uuid.uuid4().hex}"
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def publish(staging: Path, version: int | None, *, overwrite: bool = False) -> Path:
    """Turns a staging directory into a version by one rename and returns its new path.

    ``version=None`` takes the number after the highest on disk. Of two exports that race for one number the
    second takes the next: a rename onto a version fails, because a version is never empty.

    Raises :class:`VersionExists` if ``version`` is taken and ``overwrite`` is false.
    """
    base_path = staging.parent
    if version is not None:
        return _publish_as(staging, version, overwrite)
    while True:
        try:
            return _publish_as(staging, max(version_directories(base_path), default=0) + 1, overwrite=False)
        except VersionExists:
            continue


def _publish_as(staging: Path, version: int, overwrite: bool) -> Path:
    target = version_directories(staging.parent).get(version, staging.parent / str(version))
    if overwrite:
        _remove(target)
    elif target.exists():
        raise VersionExists(target)
    try:
        staging.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise VersionExists(target) from error
    return target


def _remove(target: Path) -> None:
    """Takes a version out of sight before its files go, so that nobody loads half of it."""
    doomed = target.with_name(f".replaced-{uuid.uuid4().hex}")
    with contextlib.suppress(FileNotFoundError):
        target.rename(doomed)
        shutil.rmtree(doomed)
