"""Hash maps, vocabularies and embeddings as servables, without a server around."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.other_models import embeddings, vocabulary
from support.running import load, run

from kernel_server.errors import DataLoss, InvalidArgument, NotFound
from kernel_server.servables import embeddings as embedding_files
from kernel_server.servables.tables import hashmap_platform, vocabulary_platform
from kernel_server.settings import Settings

HASHMAP, VOCABULARY = hashmap_platform(Settings()), vocabulary_platform(Settings())
EMBEDDINGS = embedding_files.platform(Settings())


def test_a_hash_map_that_is_the_version_itself(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("a,1\nb,\na,2\n")
    found = run(load(HASHMAP, tmp_path / "1"), [[b"a", b"b"], [b"c", b"a"]])
    assert found == [[[b"1", b""], [b"", b"1"]], [[True, True], [False, True]]]


@pytest.mark.parametrize(("line", "columns"), [("a", 1), ("", 1), ("a,b,c", 3)])
def test_lines_that_are_no_pairs(tmp_path: Path, line: str, columns: int) -> None:
    (tmp_path / "hashmap.csv").write_text(f"a,1\n{line}\n")
    with pytest.raises(InvalidArgument) as caught:
        load(HASHMAP, tmp_path)
    assert caught.value.message == (
        f"Unexpected format. Line 2 of {tmp_path / 'hashmap.csv'} has {columns} columns, not key,value"
    )


def test_a_vocabulary(tmp_path: Path) -> None:
    vocabulary(tmp_path / "1")
    servable = load(VOCABULARY, tmp_path / "1")
    assert run(servable, [b"c", b"", b"a"]) == [[2, -1, 0]]
    assert run(servable, [2, 3, -1], signature="decode") == [[b"c", b"", b""]]


def test_embeddings(tmp_path: Path) -> None:
    embeddings(tmp_path / "1")
    servable = load(EMBEDDINGS, tmp_path / "1")
    assert run(servable, [[0], [2]]) == [[[[1.0, 2.0]], [[5.0, 6.0]]]]
    assert run(servable, [b"b", b"x"], signature="tokens") == [[[3.0, 4.0], [0.0, 0.0]]]
    for wrong in (-1, 3):
        with pytest.raises(InvalidArgument, match=f"ids must lie between 0 and 2; .* {wrong}"):
            run(servable, [0, 1, wrong] if wrong == 3 else [wrong])
    (tmp_path / "1" / "vocabulary.txt").unlink()
    assert load(EMBEDDINGS, tmp_path / "1").signatures.keys() == {"serving_default"}


def test_embeddings_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "embeddings.npy"
    with pytest.raises(NotFound, match=r"write it with numpy\.save"):
        load(EMBEDDINGS, tmp_path)
    np.save(file, np.array([{}], object))
    with pytest.raises(DataLoss, match="Python objects in dtype"):
        load(EMBEDDINGS, tmp_path)
    np.save(file, np.zeros(3))
    with pytest.raises(DataLoss, match="must hold a matrix"):
        load(EMBEDDINGS, tmp_path)
    np.save(file, np.zeros((2, 1)))
    (tmp_path / "vocabulary.txt").write_text("a\nb\nc\n")
    with pytest.raises(DataLoss, match="3 words for the 2 rows"):
        load(EMBEDDINGS, tmp_path)
