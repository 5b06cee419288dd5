"""A manager of servables that do nothing but tell what is done to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from kernel_server.core.aspired import Aspired
from kernel_server.core.loader import Loader
from kernel_server.core.manager import Manager
from kernel_server.core.servable import Runner, Servable, ServableId
from kernel_server.core.signature import Signature
from kernel_server.core.state import State, VersionState

PATIENCE = 30.0


class Unit(Servable):
    """Has no signatures; tells when it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    @property
    def signatures(self) -> Mapping[str, Signature]:
        return {}

    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        raise KeyError(signature)

    def close(self) -> None:
        assert not self.closed.is_set(), "closed twice"
        self.closed.set()


class UnitLoader(Loader):
    """Loads a :class:`Unit`: when ``gate`` opens, and after raising ``failures``."""

    def __init__(self, *failures: Exception, gate: threading.Event | None = None) -> None:
        self.failures = list(failures)
        self.gate = gate
        self.started = threading.Event()
        self.unit = Unit()

    def load(self) -> Servable:
        self.started.set()
        if self.gate is not None:
            assert self.gate.wait(PATIENCE)
        if self.failures:
            raise self.failures.pop(0)
        return self.unit


class Bench:
    """A running manager, everything its monitor heard, and short ways to drive it."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.heard: list[VersionState] = []
        manager.monitor.add_listener(self.heard.append)

    def aspire(self, name: str = "m", /, **versions: UnitLoader) -> None:
        """Aspire versions given as ``v1=loader``."""
        aspired = [Aspired(ServableId(name, int(key[1:])), loader) for key, loader in versions.items()]
        self.manager.set_aspired(name, aspired)

    def states(self, version: int) -> list[State]:
        return [heard.state for heard in self.heard if heard.id.version == version]

    def wait(self, condition: Callable[[], bool]) -> None:
        assert self.manager.monitor.wait_until(condition, PATIENCE), f"never happened; heard {self.heard}"

    def wait_for(self, version: int, state: State, name: str = "m") -> VersionState:
        found: list[VersionState] = []

        def reached() -> bool:
            versions = self.manager.monitor.versions(name)
            found[:] = [v for v in versions if v.id.version == version and v.state is state]
            return bool(found)

        self.wait(reached)
        return found[0]
