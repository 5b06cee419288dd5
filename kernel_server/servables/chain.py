"""Chains: ``chain.json`` names folders beside it, each a model, of which one feeds the next.

::

    {"steps": ["preprocess", "model"]}

A step is a model of any kind that :mod:`.by_content` knows. It takes what ``serving_default`` of the step
before answers: outputs and inputs of one name, or, where there is one of each, these. The chain has the
signatures of its last step, with the inputs of its first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Array, Runner, Servable, ServableId
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature
from kernel_server.errors import InvalidArgument, NotFound
from kernel_server.servables import by_content
from kernel_server.settings import Settings

FILE = "chain.json"


class BadChain(InvalidArgument):
    """There are no steps, or they cannot follow one another."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"Could not follow {file}: {reason}")


def platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``chain``."""
    make = by_content.platform(settings)
    return lambda servable, folder: ChainLoader(servable, folder, make)


class ChainLoader(Loader):
    """Loads the steps in their order."""

    def __init__(self, servable: ServableId, folder: Path, make: LoaderFactory) -> None:
        self._id = servable
        self._folder = folder
        self._make = make

    def load(self) -> Servable:
        """Raises ``NotFound`` without a file, :class:`BadChain`, and what the loaders of the steps raise."""
        file = self._folder / FILE
        with ExitStack() as loaded:
            steps = {}
            for name in _names(file):
                steps[name] = self._make(self._id, self._folder / name).load()
                loaded.callback(steps[name].close)
            _check(steps, file)
            loaded.pop_all()
        return Chain(list(steps.values()))


class Chain(Servable):
    """Servables that run one after another."""

    def __init__(self, steps: Sequence[Servable]) -> None:
        self._steps = steps
        *before, last = steps
        inputs = steps[0].signatures[DEFAULT_SIGNATURE].inputs
        self._signatures = {
            name: Signature(name, inputs, signature.outputs, signature.method_name)
            for name, signature in last.signatures.items()
            if not before or _fed(before[-1].signatures[DEFAULT_SIGNATURE], signature)
        }

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """Those of the last step that the others can feed."""
        return self._signatures

    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        """Prepared calls of all steps, each for the outputs that the next one needs."""
        *before, last = self._steps
        following = last.signatures[signature]
        runners = [last.runner(signature, outputs)]
        for step in reversed(before):
            current = step.signatures[DEFAULT_SIGNATURE]
            runners.insert(0, step.runner(DEFAULT_SIGNATURE, _fed(current, following)))
            following = current

        def run(arrays: Sequence[Array]) -> Sequence[Array]:
            for call in runners:
                arrays = call(arrays)
            return arrays

        return run

    def close(self) -> None:
        """Close every step."""
        for step in self._steps:
            step.close()


def _names(file: Path) -> list[str]:
    if not file.is_file():
        raise NotFound(f"There is no {file}; it names the folders of the steps")
    try:
        names = json.loads(file.read_bytes())["steps"]
    except (ValueError, LookupError, TypeError) as error:
        raise BadChain(file, f'it must hold {{"steps": ["folder", ...]}} ({error!r})') from error
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise BadChain(file, f"steps must name folders beside it; was {names!r}")
    if len(set(names)) < len(names):
        raise BadChain(file, f"steps must name each folder once; was {names!r}")
    return list(names)


def _check(steps: Mapping[str, Servable], file: Path) -> None:
    """Raise :class:`BadChain` unless each step can feed the next."""
    for name, step in steps.items():
        if DEFAULT_SIGNATURE not in step.signatures:
            raise BadChain(file, f"step {name} has no signature {DEFAULT_SIGNATURE}")
    defaults = {name: step.signatures[DEFAULT_SIGNATURE] for name, step in steps.items()}
    for (name, signature), (next_name, following) in pairwise(defaults.items()):
        if not _fed(signature, following):
            answers = {key: spec.dtype.label for key, spec in signature.outputs.items()}
            takes = {key: spec.dtype.label for key, spec in following.inputs.items()}
            raise BadChain(file, f"step {name} answers {answers}, but step {next_name} takes {takes}")


def _fed(signature: Signature, following: Signature) -> list[str]:
    """The outputs of ``signature`` that are the inputs of ``following``; none if some are missing."""
    names = list(following.inputs)
    if len(names) == len(signature.outputs) == 1:
        names = list(signature.outputs)
    for name, spec in zip(names, following.inputs.values(), strict=True):
        if name not in signature.outputs or signature.outputs[name].dtype is not spec.dtype:
            return []
    return names
