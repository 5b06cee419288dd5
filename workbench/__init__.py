"""Serve a notebook's model from a batching server, watch it, tune it, take the settings to production.

::

    from workbench import Server

    server = Server.start("models/digits")
    with server.client() as client:
        client.predict("digits", images)
    server.stop()

Importing this package loads neither TensorFlow nor gRPC; a name does when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.batching import BatchingParameters as BatchingParameters
    from workbench.client import AsyncClient as AsyncClient
    from workbench.client import Client as Client
    from workbench.errors import WorkbenchError as WorkbenchError
    from workbench.export import export_model as export_model
    from workbench.server import Server as Server

__version__ = "0.1.0"

_HOMES = {
    "AsyncClient": "workbench.client",
    "BatchingParameters": "workbench.batching",
    "Client": "workbench.client",
    "Curve": "workbench.results",
    "Point": "workbench.results",
    "Server": "workbench.server",
    "WorkbenchError": "workbench.errors",
    "export_model": "workbench.export",
    "load_ipython_extension": "workbench.magics",
    "panel": "workbench.widgets",
    "plot": "workbench.plots",
    "sweep": "workbench.sweeps",
    "unload_ipython_extension": "workbench.magics",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
