"""Which servers are alive.

A state file counts only when the process it names runs with the start time it names and answers, to the
token it holds, that it is that process. A file of a process that is over is deleted without a word.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.control import GET_SERVER_INFO, SET_OWNER, Control
from workbench.errors import RecordInvalid, RequestFailed, ServerNotFound, SeveralServers
from workbench.home import ServerFolder
from workbench.lifetime import owner_of
from workbench.processes import ProcessId
from workbench.records import Record, read_record
from workbench.wire import control_pb2

ANSWER_SECONDS = 5.0
"""How long a server may take to say who it is. A process that runs but does not say is not deleted: it may
merely be very busy, and forgetting it would leave it without a way to stop it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A server whose process runs; ``info`` is ``None`` when it did not answer, for the ``reason`` given."""

    record: Record
    info: control_pb2.ServerInfo | None
    reason: str = ""

    @property
    def status(self) -> str:
        """``serving``, ``draining`` or ``not responding``."""
        return "not responding" if self.info is None else self.info.state


def find(folder: ServerFolder) -> Found | None:
    """The server in ``folder`` when its process runs; what a dead one left is deleted.

    Raises :class:`RecordInvalid` for a state file that cannot be understood.
    """
    record = read_record(folder.state)
    if record is None:
        return None
    found = _ask(record) if record.process.alive else None
    if found is None:
        _forget(folder, record)
    return found


def find_all() -> list[Found]:
    """Every server whose process runs, by name. State files that cannot be understood are left alone."""
    found = []
    for folder in ServerFolder.all():
        try:
            server = find(folder)
        except RecordInvalid:
            continue
        if server is not None:
            found.append(server)
    return found


def find_one(name: str | None) -> Found:
    """The server called ``name``, or the only one.

    Raises :class:`ServerNotFound` or :class:`SeveralServers`.
    """
    if name is not None:
        found = find(ServerFolder.of(name))
        if found is None:
            raise ServerNotFound(name, [other.record.name for other in find_all()])
        return found
    alive = find_all()
    if not alive:
        raise ServerNotFound(None, [])
    if len(alive) > 1:
        raise SeveralServers([server.record.name for server in alive])
    return alive[0]


def take_over(found: Found) -> None:
    """Make this process, or its session, the owner of a server whose owner is gone; renews the lease.

    A server that somebody alive owns, or that nobody is meant to own, is left as it is.
    """
    owner = owner_of(found.record.lifetime)
    if owner is None or found.info is None:
        return
    present = found.info.owner
    if found.info.HasField("owner") and ProcessId(present.pid, present.start_time).alive:
        return
    message = control_pb2.Owner(pid=owner.pid, start_time=owner.start_time)
    with Control(found.record.target, found.record.token, ANSWER_SECONDS) as control:
        control.call(SET_OWNER, control_pb2.SetOwnerRequest(owner=message))


def _ask(record: Record) -> Found | None:
    """``None`` when somebody else answers in its place."""
    try:
        with Control(record.target, record.token, ANSWER_SECONDS) as control:
            info = control.call(GET_SERVER_INFO, control_pb2.GetServerInfoRequest())
    except RequestFailed as error:
        return Found(record, None, str(error)) if record.process.alive else None
    return Found(record, info) if info.pid == record.pid else None


def _forget(folder: ServerFolder, record: Record) -> None:
    """Delete what the run left, unless a new one is being started in its place."""
    with folder.locked(wait=False) as got:
        left = read_record(folder.state) if got else None
        if left is not None and left.process == record.process:
            folder.remove_run()
