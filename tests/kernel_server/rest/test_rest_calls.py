"""The REST API over HTTP: what each call answers."""

import asyncio
import gzip
import json

import httpx
import pytest
from small_models import Serving, Start, until

PREDICT = "/v1/models/half:predict"


async def post(client: httpx.AsyncClient, body: object, path: str = PREDICT) -> tuple[int, dict[str, object]]:
    reply = await client.post(path, json=body)
    assert reply.headers["Content-Type"] == "application/json"
    return reply.status_code, reply.json()


class TestPredict:
    async def test_rows(self, client: httpx.AsyncClient) -> None:
        assert await post(client, {"instances": [1, 2, 5]}) == (200, {"predictions": [2.5, 3.0, 4.5]})

    async def test_columns(self, client: httpx.AsyncClient) -> None:
        assert await post(client, {"inputs": {"x": [1.0]}}) == (200, {"outputs": [2.5]})

    @pytest.mark.parametrize(
        ("place", "answer"),
        [("/versions/1", 1.5), ("/versions/002", 2.5), ("/labels/stable", 2.5), ("", 2.5)],
    )
    async def test_versions_and_labels(self, client: httpx.AsyncClient, place: str, answer: float) -> None:
        path = f"/V1/Models/half{place}:predict"
        assert await post(client, {"instances": [1]}, path) == (200, {"predictions": [answer]})

    async def test_several_inputs_and_outputs(self, client: httpx.AsyncClient) -> None:
        rows = [{"x": 1.5, "n": 1}, {"n": 2, "x": 2.5}]
        body = {"signature_name": "two", "instances": rows}
        assert await post(client, body) == (
            200,
            {"predictions": [{"y": 1.5, "m": 1}, {"y": 2.5, "m": 2}]},
        )

    async def test_strings_and_bytes(self, client: httpx.AsyncClient) -> None:
        words = ["a", {"b64": "/w=="}]
        body = {"signature_name": "bytes", "instances": words}
        assert await post(client, body) == (200, {"predictions": [{"b64": "YQ=="}, {"b64": "/w=="}]})

    async def test_not_a_number_is_written_bare(self, client: httpx.AsyncClient) -> None:
        reply = await client.post(PREDICT, content=b'{"instances": [NaN, -Infinity, 1]}')
        assert reply.content == b'{"predictions":[NaN,-Infinity,2.5]}'

    async def test_query_and_content_type_do_not_matter(self, client: httpx.AsyncClient) -> None:
        reply = await client.post(
            PREDICT + "?alt=json", content=b'{"instances": [1]}', headers={"Content-Type": "text/plain"}
        )
        assert reply.json() == {"predictions": [2.5]}

    async def test_what_was_measured_is_counted(self, client: httpx.AsyncClient, serving: Serving) -> None:
        await post(client, {"instances": [1, 2]})
        (reading,) = serving.handlers.statistics.read("half")
        assert reading.counters.outcomes.succeeded == 1
        assert reading.counters.stage_micros["decode"].counts.sum() == 1


class TestClassifyAndRegress:
    async def test_a_value_for_each_example(self, client: httpx.AsyncClient) -> None:
        body = {"signature_name": "regress", "examples": [{"x": 1.0}, {}]}
        assert await post(client, body, "/v1/models/half:regress") == (200, {"results": [17.0, 2.0]})

    async def test_the_context_belongs_to_each_example(self, client: httpx.AsyncClient) -> None:
        body = {"signature_name": "regress", "context": {"x": 1.0}, "examples": [{"x": 1.0}, {}]}
        assert await post(client, body, "/v1/models/half:regress") == (200, {"results": [34.0, 19.0]})

    async def test_labels_and_scores(self, client: httpx.AsyncClient) -> None:
        body = {"signature_name": "classify", "examples": [{"x": 1.0}]}
        reply = await client.post("/v1/models/half:classify", json=body)
        assert reply.text == '{"results":[[["odd ü",0.1],["even",NaN]]]}'

    async def test_scores_alone_have_empty_labels(self, client: httpx.AsyncClient) -> None:
        body = {"signature_name": "scores", "examples": [{}, {}]}
        answer = await post(client, body, "/v1/models/half/versions/1:classify")
        assert answer == (200, {"results": [[["", 2.0]], [["", 2.0]]]})

    @pytest.mark.parametrize(
        ("path", "body", "status", "message"),
        [
            ("none:classify", {}, 400, "JSON Value: {} When method is classify, key 'examples' is expected"),
            ("none:regress", {}, 400, "JSON Value: {} When method is classify, key 'examples' is expected"),
            ("none:regress", {"examples": [{}]}, 404, "Servable not found for request: Latest(none)"),
            ("half:regress", {"examples": [{}]}, 400, "No regression inputs found in SignatureDef: "),
            ("half:regress", {"examples": [{"x": None}]}, 400, "Feature: x has element with unexpected JSON"),
            (
                "half:classify",
                {"examples": [{}], "signature_name": "nope"},
                400,
                "No signature was found with the name: nope",
            ),
            (
                "half:classify",
                {"examples": [{}, {}], "signature_name": "flat"},
                400,
                "Expected Tensor shape: [batch_size num_classes] but got [2]",
            ),
        ],
    )
    async def test_refusals(
        self, client: httpx.AsyncClient, path: str, body: object, status: int, message: str
    ) -> None:
        code, reply = await post(client, body, f"/v1/models/{path}")
        assert code == status
        assert str(reply["error"]).startswith(message)

    async def test_an_unbatched_answer_is_counted(self, client: httpx.AsyncClient, serving: Serving) -> None:
        await post(client, {"signature_name": "regress", "examples": [{}]}, "/v1/models/half:regress")
        (reading,) = serving.handlers.statistics.read("half")
        assert (reading.signature, reading.counters.outcomes.succeeded) == ("regress", 1)


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "body", "status", "message"),
        [
            (
                "/v1/models/none:predict",
                {"instances": [1]},
                404,
                "Servable not found for request: Latest(none)",
            ),
            (
                "/v1/models/half/versions/9:predict",
                {"instances": [1]},
                404,
                "Servable not found for request: Specific(half, 9)",
            ),
            (
                "/v1/models/half/labels/new:predict",
                {"instances": [1]},
                400,
                "Unrecognized servable version label: new",
            ),
            (
                PREDICT,
                {"instances": [1], "signature_name": "nope"},
                400,
                'Serving signature name: "nope" not found in signature def',
            ),
            (
                PREDICT,
                {"instances": [], "signature_name": "count"},
                400,
                "Failed to get input map for signature: count",
            ),
            (PREDICT, {"instances": ["a"]}, 400, "Failed to process element: 0 of 'instances' list. Error: "),
            ("/v1/models/half/predict", {}, 400, "Malformed request: POST /v1/models/half/predict"),
        ],
    )
    async def test_status_and_message(
        self, client: httpx.AsyncClient, path: str, body: object, status: int, message: str
    ) -> None:
        code, reply = await post(client, body, path)
        assert code == status
        assert str(reply.get("error", "")).startswith(message)

    async def test_the_body_of_an_error(self, client: httpx.AsyncClient) -> None:
        reply = await client.get("/v1/models")
        assert reply.status_code == 400
        assert reply.content == b'{\n    "error": "Missing model name in request."\n}'

    async def test_json_is_checked_before_the_model(self, client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/models/none:predict", content=b"")
        assert reply.json() == {"error": "JSON Parse error: The document is empty"}

    async def test_deep_json(self, client: httpx.AsyncClient) -> None:
        reply = await client.post(PREDICT, content=b'{"instances":' + b"[" * 500_000)
        assert reply.status_code == 400
        assert "nested too deeply" in reply.json()["error"]

    async def test_a_defect_of_the_model_is_told_and_survived(self, client: httpx.AsyncClient) -> None:
        code, reply = await post(client, {"instances": [1], "signature_name": "broken"})
        assert code == 500
        assert "a defect of the model" in str(reply["error"])
        assert (await post(client, {"instances": [1]}))[0] == 200

    async def test_a_run_that_takes_too_long(self, start: Start, serving: Serving) -> None:
        client = await start(timeout_seconds=0.05)
        code, reply = await post(client, {"instances": [1], "signature_name": "stuck"})
        assert (code, reply) == (504, {"error": "Timed out waiting for notification"})
        serving.release.set()

    async def test_a_draining_server(self, client: httpx.AsyncClient, serving: Serving) -> None:
        await serving.handlers.drain.drain(1)
        code, _ = await post(client, {"instances": [1]})
        assert code == 503
        assert (await client.get("/v1/models/half")).status_code == 200


class TestStatusAndMetadata:
    async def test_status_lists_versions_highest_first(self, client: httpx.AsyncClient) -> None:
        fine = {"error_code": "OK", "error_message": ""}
        reply = await client.get("/v1/models/half")
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.json() == {
            "model_version_status": [
                {"version": "2", "state": "AVAILABLE", "status": fine},
                {"version": "1", "state": "AVAILABLE", "status": fine},
            ]
        }

    async def test_status_of_one_version(self, client: httpx.AsyncClient) -> None:
        reply = await client.get("/v1/models/half/versions/1")
        assert [state["version"] for state in reply.json()["model_version_status"]] == ["1"]

    async def test_status_of_an_unknown_model(self, client: httpx.AsyncClient) -> None:
        reply = await client.get("/v1/models/none")
        assert reply.status_code == 404
        assert reply.json()["error"].startswith("Could not find any versions of model none")

    async def test_metadata(self, client: httpx.AsyncClient) -> None:
        reply = (await client.get("/v1/models/half/versions/1/metadata")).json()
        assert reply["model_spec"] == {"name": "half", "signature_name": "", "version": "1"}
        signature = reply["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert signature["inputs"]["x"] == {
            "dtype": "DT_FLOAT",
            "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
            "name": "t:0",
        }

    async def test_metadata_of_an_unknown_model(self, client: httpx.AsyncClient) -> None:
        reply = await client.get("/v1/models/none/metadata")
        assert reply.status_code == 404
        assert reply.json()["error"].startswith("Servable not found for request: Latest(none)")


class TestCompression:
    async def test_a_compressed_request(self, client: httpx.AsyncClient) -> None:
        reply = await client.post(
            PREDICT, content=gzip.compress(b'{"instances": [1]}'), headers={"Content-Encoding": "gzip"}
        )
        assert reply.json() == {"predictions": [2.5]}

    async def test_a_request_that_is_not_compressed_as_it_says(self, client: httpx.AsyncClient) -> None:
        reply = await client.post(PREDICT, content=b'{"instances"', headers={"Content-Encoding": "gzip"})
        assert reply.status_code == 400

    async def test_large_replies_are_compressed_when_accepted(self, client: httpx.AsyncClient) -> None:
        body = {"inputs": [list(range(20_000))]}
        packed = await client.post(PREDICT, json=body, headers={"Accept-Encoding": "gzip"})
        plain = await client.post(PREDICT, json=body, headers={"Accept-Encoding": "identity"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain.headers
        assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"])
        assert packed.json() == plain.json()

    async def test_small_replies_are_not(self, client: httpx.AsyncClient) -> None:
        reply = await client.post(PREDICT, json={"instances": [1]}, headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in reply.headers


async def test_many_at_once_get_their_own_answers(client: httpx.AsyncClient) -> None:
    async def ask(value: float) -> bool:
        return await post(client, {"instances": [value]}) == (200, {"predictions": [value / 2 + 2]})

    assert all(await asyncio.gather(*(ask(float(value)) for value in range(200))))


async def test_a_client_that_leaves_takes_its_request_along(
    client: httpx.AsyncClient, serving: Serving
) -> None:
    body = json.dumps({"instances": [1], "signature_name": "stuck"}).encode()
    leaving = asyncio.create_task(client.post(PREDICT, content=body))
    await until(lambda: serving.in_flight == 1)
    leaving.cancel()
    (reading,) = serving.handlers.statistics.read("half")
    await until(lambda: reading.counters.outcomes.cancelled == 1)
    serving.release.set()
    await until(lambda: serving.in_flight == 0)
    assert reading.counters.outcomes.succeeded == 0
