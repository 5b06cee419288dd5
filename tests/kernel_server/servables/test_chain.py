"""Chains of models as servables, without a server around."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.other_models import chain, embeddings, python_file, vocabulary
from support.running import load, run

from kernel_server.core.loader import LoaderFactory
from kernel_server.errors import InvalidArgument, NotFound, ServingError
from kernel_server.servables.chain import platform
from kernel_server.settings import Settings


@pytest.fixture(scope="module")
def factory() -> LoaderFactory:
    return platform(Settings(device="cpu"))


def refusal(factory: LoaderFactory, folder: Path, content: object) -> ServingError:
    (folder / "chain.json").write_text(json.dumps(content))
    with pytest.raises(ServingError) as caught:
        load(factory, folder)
    return caught.value


def test_outputs_feed_inputs_by_name(factory: LoaderFactory, tmp_path: Path) -> None:
    chain(tmp_path / "1")
    servable = load(factory, tmp_path / "1")
    declared = servable.signatures["serving_default"]
    assert (list(declared.inputs), list(declared.outputs)) == (["words"], ["embeddings"])
    assert run(servable, [b"xx", b""]) == [[[5.0, 6.0], [1.0, 2.0]]]
    with pytest.raises(InvalidArgument, match="ids must lie between 0 and 2"):
        run(servable, [b"four"])
    servable.close()


def test_a_single_output_feeds_a_single_input(factory: LoaderFactory, tmp_path: Path) -> None:
    vocabulary(tmp_path / "words")
    embeddings(tmp_path / "rows")
    (tmp_path / "chain.json").write_text('{"steps": ["words", "rows"]}')
    servable = load(factory, tmp_path)
    assert servable.signatures.keys() == {"serving_default"}, "tokens cannot be made of ids"
    assert run(servable, [b"c"]) == [[[5.0, 6.0]]]


def test_steps_that_do_not_fit(factory: LoaderFactory, tmp_path: Path) -> None:
    for name in ("one", "two"):
        embeddings(tmp_path / name)
    error = refusal(factory, tmp_path, {"steps": ["one", "two"]})
    assert error.message == (
        f"Could not follow {tmp_path / 'chain.json'}: step one answers {{'embeddings': 'float'}}, "
        "but step two takes {'ids': 'int64'}"
    )


@pytest.mark.parametrize("content", [{}, [], {"steps": []}, {"steps": ["../a"]}, {"steps": ["a", "a"]}])
def test_files_that_name_no_steps(factory: LoaderFactory, tmp_path: Path, content: object) -> None:
    error = refusal(factory, tmp_path, content)
    assert isinstance(error, InvalidArgument)
    assert error.message.startswith(f"Could not follow {tmp_path / 'chain.json'}: ")


def test_no_step_becomes_a_program_by_being_named(factory: LoaderFactory, tmp_path: Path) -> None:
    python_file(tmp_path / "program")
    assert isinstance(refusal(factory, tmp_path, {"steps": ["program"]}), NotFound)
    (tmp_path / "chain.json").unlink()
    with pytest.raises(NotFound, match=r"chain\.json"):
        load(factory, tmp_path)
