"""The unit of serving: one version of one model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernel_server.core.signature import Signature

Array = NDArray[np.generic]
Runner = Callable[[Sequence[Array]], Sequence[Array]]
"""Runs one batch: arrays in the order of the inputs asked for, answers in the order of the outputs."""


@dataclass(frozen=True, slots=True, order=True)
class ServableId:
    """A model's name and one of its versions (a non-negative int64)."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{{name: {self.name} version: {self.version}}}"


class Servable(ABC):
    """A loaded model version that can answer requests. Methods may be called from any thread."""

    @property
    @abstractmethod
    def signatures(self) -> Mapping[str, Signature]:
        """The ways to call it, by signature name."""

    @abstractmethod
    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        """A prepared callable for ``signature`` that answers ``outputs`` only, in that order.

        Inputs are given in the order of ``signatures[signature].inputs``. Preparing may be slow, so
        callers keep the result. Running raises :class:`~kernel_server.errors.InvalidArgument`
        when the model itself refuses the values.
        """

    def joint_runner(self, outputs: Mapping[str, Sequence[str]]) -> Runner:
        """A prepared callable for several signatures that share their one input.

        ``outputs`` names what is wanted of each signature; the answers come in that order. A servable
        that can compute them all in one go does better than this, which runs one signature after another.
        """
        runners = [self.runner(signature, names) for signature, names in outputs.items()]
        return lambda inputs: [answer for run in runners for answer in run(inputs)]

    def close(self) -> None:  # noqa: B027 - most servables have nothing to give back
        """Give back memory and devices. No call follows."""
