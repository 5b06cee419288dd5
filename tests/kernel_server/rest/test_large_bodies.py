"""Bodies so large that they are decoded on a worker thread: they are answered all the same."""

import asyncio
import json

import httpx
import pytest
from small_models import Start

PREDICT = "/v1/models/half:predict"
VALUES = [0.123456789] * 30_000


async def post(client: httpx.AsyncClient, body: object, path: str = PREDICT) -> tuple[int, dict[str, object]]:
    reply = await client.post(path, json=body)
    return reply.status_code, reply.json()


async def test_rows(client: httpx.AsyncClient) -> None:
    code, reply = await post(client, {"inputs": [VALUES]})
    assert code == 200
    assert reply["outputs"] == [[pytest.approx(0.123456789 / 2 + 2)] * 30_000]


@pytest.mark.parametrize("path", [PREDICT, "/v1/models/none:predict"])
async def test_json_is_checked_before_the_model(client: httpx.AsyncClient, path: str) -> None:
    text = json.dumps({"instances": VALUES}).encode()
    reply = await client.post(path, content=text[:-2])
    assert reply.status_code == 400
    assert reply.json()["error"].startswith("JSON Parse error: Missing a comma")


async def test_then_comes_the_model(client: httpx.AsyncClient) -> None:
    code, reply = await post(client, {"instances": VALUES}, "/v1/models/none:predict")
    assert (code, str(reply["error"])[:26]) == (404, "Servable not found for req")


async def test_a_value_of_a_wrong_type(client: httpx.AsyncClient) -> None:
    code, reply = await post(client, {"instances": [*VALUES, None]})
    assert code == 400
    assert str(reply["error"]).startswith("Failed to process element: 30000 of 'instances' list.")


async def test_one_that_takes_too_long(start: Start) -> None:
    client = await start(timeout_seconds=0.0)
    code, _ = await post(client, {"instances": VALUES})
    assert code == 504


async def test_others_are_answered_meanwhile(client: httpx.AsyncClient) -> None:
    large = [post(client, {"inputs": [VALUES]}) for _ in range(4)]
    small = [post(client, {"instances": [float(value)]}) for value in range(20)]
    replies = await asyncio.gather(*large, *small)
    assert [code for code, _ in replies] == [200] * 24
    assert [reply for _, reply in replies[4:]] == [{"predictions": [v / 2 + 2]} for v in range(20)]
