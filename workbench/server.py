"""A model server in the background of a notebook: start it, find it again, change it, stop it."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from workbench import discovery, reprs
from workbench.client import AsyncClient, Client
from workbench.configuration import Batching, Configuration, Models, saved_configuration
from workbench.control import DRAIN, Control
from workbench.errors import ConfigurationDiffers, InvalidSetting, ServerNotResponding
from workbench.home import ServerFolder
from workbench.launch import Launched, Reused, Stopped, launch, stop
from workbench.lifetime import Lifetime
from workbench.logs import LogText, tail
from workbench.records import Record
from workbench.served_models import ServedModels
from workbench.wire import control_pb2


class Server(ServedModels):
    """One running ``kernel-server`` process.

    Made by :meth:`start`, :meth:`attach` or :meth:`list`; as a context manager it stops the server.
    Wherever ``model`` is left out it means the only model there is. Calls raise
    :class:`~workbench.errors.RequestFailed` when the server refuses them or does not answer.
    """

    def __init__(self, record: Record, outcome: Launched | Reused) -> None:
        self._bind(record, outcome)

    def _bind(self, record: Record, outcome: Launched | Reused) -> None:
        self.record = record
        self.outcome = outcome
        self._folder = ServerFolder.of(record.name)
        self._connect(Control(record.target, record.token))

    @classmethod
    def start(
        cls,
        models: Models,
        *,
        name: str | None = None,
        batching: Batching = None,
        lifetime: Lifetime = "kernel",
        owner_timeout: float = 60.0,
        idle_timeout: float | None = None,
        device: str = "auto",
        tcp: bool = False,
        rest: bool = True,
        timeout: float = 60.0,
        platform: str = "tensorflow",
        flags: Mapping[str, object] | None = None,
        restart: bool = False,
    ) -> Server:
        """Start a server and wait until it answers, or take over the one that runs with the same settings.

        ``models`` is the folder of a model's versions, named after that folder, or a mapping from names to
        such folders. Run again with the same settings it returns the running server, which ``outcome`` tells;
        with other settings it raises :class:`~workbench.errors.ConfigurationDiffers`, unless ``restart``.

        - ``name`` tells servers apart; by default the model's name.
        - ``batching``: some :class:`BatchingParameters`, ``None`` for their defaults, ``False`` for none.
        - ``lifetime``: ends with this ``kernel``, with the Jupyter ``session`` or, ``detached``, with nobody;
          ``owner_timeout`` is how many seconds it waits for a restarted kernel to attach.
        - ``idle_timeout``: ends after so many seconds without a request.
        - ``device``: ``auto``, ``cpu`` or ``gpu:N``.
        - ``tcp``, ``rest``: also listen for gRPC, for REST, on a free port of 127.0.0.1; both want the token.
        - ``timeout``: how many seconds the start may take, loading the models included.
        - ``platform``: of the models; ``tensorflow`` goes by the files in their folders, ``python``, which
          runs ``servable.py``, has to be named.
        - ``flags``: further flags of ``kernel-server``, such as ``{"tensorflow_intra_op_parallelism": 1}``.

        Raises :class:`~workbench.errors.StartFailed` with the end of the log when no server comes up, and
        :class:`~workbench.errors.InvalidSetting` for what can be told before.
        """
        configuration = Configuration.of(
            models,
            batching=batching,
            lifetime=lifetime,
            owner_timeout=owner_timeout,
            idle_timeout=idle_timeout,
            device=device,
            tcp=tcp,
            rest=rest,
            platform=platform,
            flags=flags or {},
        )
        folder = ServerFolder.of(name or configuration.default_name)
        folder.create()
        with folder.locked():
            found = discovery.find(folder)
            if found is not None and restart:
                stop(found.record, folder, timeout)
            elif found is not None:
                return cls._reuse(found, folder, configuration)
            return cls(*launch(configuration, folder, timeout))

    @classmethod
    def attach(cls, name: str | None = None) -> Server:
        """The running server called ``name``, or the only one; renews its lease when its owner is gone.

        Raises :class:`~workbench.errors.ServerNotFound`, :class:`~workbench.errors.SeveralServers` or
        :class:`~workbench.errors.ServerNotResponding`.
        """
        return cls._take_over(discovery.find_one(name))

    @classmethod
    def list(cls) -> ServerList:
        """Every server of this user that runs, by name."""
        return ServerList(cls(found.record, _reused(found.record)) for found in discovery.find_all())

    @classmethod
    def _reuse(cls, found: discovery.Found, folder: ServerFolder, wanted: Configuration) -> Server:
        if found.record.fingerprint != wanted.fingerprint:
            present = saved_configuration(folder)
            differences = present.differences(wanted) if present else {}
            raise ConfigurationDiffers(found.record.name, found.record.pid, differences)
        return cls._take_over(found)

    @classmethod
    def _take_over(cls, found: discovery.Found) -> Server:
        if found.info is None:
            raise ServerNotResponding(found.record.name, found.record.pid, found.reason)
        discovery.take_over(found)
        return cls(found.record, _reused(found.record))

    def stop(self, timeout: float = 30.0) -> Stopped:
        """End the server; returns when its process is gone and its record removed.

        Requests in flight get ``timeout`` seconds to be answered. A process that does not end then is
        terminated and at last killed; the outcome says which.
        """
        with self._folder.locked():
            outcome = stop(self.record, self._folder, timeout)
        self._control.close()
        return outcome

    def restart(self, timeout: float = 60.0) -> Server:
        """Stop the server, start it with the settings it was started with, and return this object, renewed.

        Raises what :meth:`start` does.
        """
        configuration = saved_configuration(self._folder)
        if configuration is None:
            raise InvalidSetting("name", self.name, "how it was started is not known; use Server.start(...)")
        self.stop(timeout)
        with self._folder.locked():
            self._bind(*launch(configuration, self._folder, timeout))
        return self

    def drain(self, timeout: float = 30.0) -> int:
        """Refuse new requests and return when those in flight are answered; how many were not in time."""
        request = control_pb2.DrainRequest(timeout_seconds=timeout)
        return self._control.call(DRAIN, request, timeout + discovery.ANSWER_SECONDS).abandoned

    @property
    def name(self) -> str:
        """What tells it apart from other servers."""
        return self.record.name

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.record.pid

    @property
    def status(self) -> str:
        """``serving``, ``draining``, ``not responding`` or ``stopped``."""
        found = discovery.find(self._folder)
        return found.status if found and found.record.process == self.record.process else "stopped"

    def client(self, *, rest: bool = False, timeout: float = 10.0) -> Client:
        """A client of this server, over gRPC or REST. Close it, or use it as a context manager."""
        return Client(self._target(rest), token=self.record.token, timeout=timeout)

    def async_client(self, *, rest: bool = False, timeout: float = 10.0) -> AsyncClient:
        """The same for ``async`` code."""
        return AsyncClient(self._target(rest), token=self.record.token, timeout=timeout)

    def logs(self, lines: int = 40) -> LogText:
        """The last lines of its log."""
        return tail(self._folder.log, lines)

    def _target(self, rest: bool) -> str:
        if not rest:
            return self.record.target
        if self.record.rest_address is None:
            raise InvalidSetting("rest", True, "the server was started with rest=False")
        return self.record.rest_address

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return reprs.server_text(self)

    def _repr_html_(self) -> str:
        return reprs.server_html(self)


class ServerList(tuple[Server, ...]):
    """Servers, shown as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        return reprs.list_text(self)

    def _repr_html_(self) -> str:
        return reprs.list_html(self)


def _reused(record: Record) -> Reused:
    return Reused(record.pid, record.target, record.started_at)
