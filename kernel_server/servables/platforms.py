"""Finds the kind of servable that a model's ``model_platform`` names."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from kernel_server.core.loader import LoaderFactory
from kernel_server.errors import FailedPrecondition, InvalidArgument
from kernel_server.settings import Settings

GROUP = "kernel_server.servables"

Platform = Callable[[Settings], LoaderFactory]
"""What an entry point of :data:`GROUP` names: builds a loader factory from the server's settings."""


class UnsupportedPlatform(InvalidArgument):
    """No installed package offers the platform."""

    def __init__(self, model: str, platform: str, known: list[str]) -> None:
        super().__init__(
            f"Model {model} requests unsupported platform {platform}. Installed platforms: {', '.join(known)}"
        )


class PlatformNotInstalled(FailedPrecondition):
    """The platform is known, but the framework behind it cannot be imported."""

    def __init__(self, platform: str, error: ImportError) -> None:
        super().__init__(
            f"Platform {platform} needs a package that is not installed ({error}). "
            f"Install it with: pip install 'serving-workbench[{platform}]'"
        )


class Platforms:
    """Loader factories by platform name, each built on first use and then shared by its models.

    ``wrap`` has the last word on each platform: it may return a factory whose loaders do more.
    """

    def __init__(
        self,
        settings: Settings,
        wrap: Callable[[str, LoaderFactory], LoaderFactory] = lambda platform, factory: factory,
    ) -> None:
        self._settings = settings
        self._wrap = wrap
        self._entry_points: dict[str, EntryPoint] = {found.name: found for found in entry_points(group=GROUP)}
        self._factories: dict[str, LoaderFactory] = {}

    def require(self, model: str, platform: str) -> LoaderFactory:
        """The factory for ``platform``.

        Raises :class:`UnsupportedPlatform` or :class:`PlatformNotInstalled`.
        """
        if platform not in self._factories:
            if platform not in self._entry_points:
                raise UnsupportedPlatform(model, platform, sorted(self._entry_points))
            try:
                build: Platform = self._entry_points[platform].load()
            except ImportError as error:
                raise PlatformNotInstalled(platform, error) from error
            self._factories[platform] = self._wrap(platform, build(self._settings))
        return self._factories[platform]
