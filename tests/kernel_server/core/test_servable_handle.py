"""Handles: a retired servable is lent no more, and is idle only after the last one is back."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import pytest

from kernel_server.core.handle import Lender
from kernel_server.core.servable import Runner, Servable, ServableId
from kernel_server.core.signature import Signature


class Nothing(Servable):
    @property
    def signatures(self) -> Mapping[str, Signature]:
        return {}

    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        raise KeyError(signature)


@pytest.fixture
def lender() -> Lender:
    return Lender(ServableId("m", 1), Nothing())


def test_retired_without_handles_is_idle_at_once(lender: Lender) -> None:
    idle: list[str] = []
    lender.retire(lambda: idle.append("idle"))
    assert idle == ["idle"]
    assert lender.lend() is None


def test_idle_after_the_last_handle_only(lender: Lender) -> None:
    idle: list[str] = []
    first, second = lender.lend(), lender.lend()
    assert first is not None and second is not None
    lender.retire(lambda: idle.append("idle"))
    first.release()
    first.release()
    assert idle == []
    second.release()
    assert idle == ["idle"]


def test_handle_is_given_back_when_its_block_raises(lender: Lender) -> None:
    idle: list[str] = []
    with pytest.raises(KeyError), lender.lend() or pytest.fail("not lent") as handle:
        assert handle.id == ServableId("m", 1)
        lender.retire(lambda: idle.append("idle"))
        handle.servable.runner("any", [])
    assert idle == ["idle"]


def test_idle_once_under_concurrent_borrowers(lender: Lender) -> None:
    idle: list[str] = []
    borrowed = threading.Barrier(9)

    def borrow_until_retired() -> None:
        with lender.lend() or pytest.fail("not lent"):
            borrowed.wait()
        while (handle := lender.lend()) is not None:
            handle.release()

    threads = [threading.Thread(target=borrow_until_retired) for _ in range(8)]
    for thread in threads:
        thread.start()
    borrowed.wait()
    lender.retire(lambda: idle.append("idle"))
    for thread in threads:
        thread.join()
    assert idle == ["idle"]
