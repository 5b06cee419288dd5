"""Load with known properties, from a process of its own.

``spec`` says what to do, ``requests`` with what; ``arrivals`` and ``sources`` decide when a request is
due; ``http2`` and ``caller`` carry it; ``check`` and ``tally`` account for its reply; ``verdict`` says
what the account is worth. ``generator`` joins these, ``__main__`` makes it a process and ``process``
runs that process from a notebook.
"""

from workbench.load.process import LoadCancelled, LoadFailed, run_load
from workbench.load.requests import RequestSet
from workbench.load.result import LoadResult, Progress
from workbench.load.spec import LoadSpec
from workbench.load.verdict import Judgement, Verdict, judge

__all__ = [
    "Judgement",
    "LoadCancelled",
    "LoadFailed",
    "LoadResult",
    "LoadSpec",
    "Progress",
    "RequestSet",
    "Verdict",
    "judge",
    "run_load",
]
