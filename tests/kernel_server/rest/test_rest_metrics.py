"""What is counted at the REST face, and the pages that tell it."""

import asyncio
import json
from functools import partial

import httpx
import pytest
from small_models import Serving, Start, until
from support.metrics import Page

from kernel_server.monitoring.exposition import Spelling, write
from kernel_server.security.scopes import Scope
from kernel_server.security.tokens import Tokens

PREDICT = "/v1/models/half:predict"
PATH = "/mine"


def body(*values: object, signature: str = "serving_default") -> bytes:
    return json.dumps({"instances": values, "signature_name": signature}).encode()


async def page(client: httpx.AsyncClient, path: str = PATH) -> Page:
    return Page((await client.get(path)).raise_for_status().text)


async def counts(client: httpx.AsyncClient) -> dict[tuple[str, str], float]:
    series = (await page(client)).series(":tensorflow:serving:request_count")
    return {(labels["model_name"], labels["status"]): value for labels, value in series}


@pytest.fixture
async def client(start: Start) -> httpx.AsyncClient:
    return await start(metrics_path=PATH)


async def test_every_call_is_counted_by_model_and_status(client: httpx.AsyncClient) -> None:
    for content in (body(1), body(2), b"no json", body("text")):
        await client.post(PREDICT, content=content)
    await client.get("/v1/models/half")
    await client.get("/v1/models/half/metadata")
    await client.post("/v1/models/half/versions/9:predict", content=body(1))
    await client.get("/v1/models/half/none")
    assert await counts(client) == {
        ("half", "OK"): 4,
        ("half", "INVALID_ARGUMENT"): 2,
        ("half", "NOT_FOUND"): 1,
        ("", "INVALID_ARGUMENT"): 1,
    }
    found = await page(client)
    for api, count in (("predict", 2), ("status", 1), ("metadata", 1)):
        name = ":tensorflow:serving:request_latency_count"
        assert found(name, model_name="half", API=api, entrypoint="REST") == count


async def test_unknown_models_share_one_series(client: httpx.AsyncClient) -> None:
    for name in "abc":
        await client.post(f"/v1/models/{name}:predict", content=body(1))
    assert await counts(client) == {("", "NOT_FOUND"): 3}


async def test_a_client_that_leaves_is_counted_as_such(client: httpx.AsyncClient, serving: Serving) -> None:
    async with httpx.AsyncClient(base_url=client.base_url) as impatient:
        asking = asyncio.create_task(impatient.post(PREDICT, content=body(1, signature="stuck")))
        await until(lambda: serving.in_flight == 1)
        asking.cancel()
    families = partial(serving.handlers.totals.families, "pool")
    await until(lambda: 'status="CANCELLED"' in write(families(), Spelling.TENSORFLOW_SERVING))
    assert await counts(client) == {("half", "CANCELLED"): 1}


async def test_a_defect_is_counted_as_internal(client: httpx.AsyncClient) -> None:
    await client.post(PREDICT, content=body(1, signature="broken"))
    assert await counts(client) == {("half", "INTERNAL"): 1}


async def test_both_spellings(client: httpx.AsyncClient) -> None:
    await client.post(PREDICT, content=body(1))
    theirs, ours = await client.get(PATH), await client.get("/metrics")
    assert theirs.headers["Content-Type"] == "text/plain"
    assert ours.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# HELP" not in theirs.text
    assert Page(theirs.text)(":tensorflow:serving:request_count", status="OK") == 1
    assert Page(ours.text)("tensorflow_serving_request_count_total", status="OK") == 1
    for text in (theirs.text, ours.text):
        assert Page(text)("kernel_server_requests_total", model="half", version="2", outcome="succeeded") == 1


async def test_a_page_that_is_not_configured_is_not_there(start: Start) -> None:
    client = await start()
    assert (await client.get(PATH)).status_code == 404
    assert (await client.get("/metrics")).status_code == 200


async def test_a_configured_path_wins_over_everything(start: Start) -> None:
    for path in ("/metrics", "/v1/models/half"):
        client = await start(metrics_path=path)
        assert ":tensorflow:serving:" in (await client.get(path)).text


async def test_metrics_need_their_token(start: Start) -> None:
    tokens = Tokens({"scraper": frozenset({Scope.METRICS}), "asker": frozenset({Scope.INFER})})
    client = await start(metrics_path=PATH, tokens=tokens)
    for path in (PATH, "/metrics"):
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers={"Authorization": "Bearer asker"})).status_code == 403
        assert (await client.get(path, headers={"Authorization": "Bearer scraper"})).status_code == 200
