"""One real server, looked at and turned while it runs."""

import re
from dataclasses import fields

import numpy as np
import pytest

from workbench import Server
from workbench.discovery import find_all
from workbench.errors import (
    ConfigurationDiffers,
    InvalidSetting,
    ModelNotServed,
    NothingToUndo,
    RequestFailed,
    ServerNotFound,
)
from workbench.launch import Launched, Reused

ROWS = np.ones((4, 3), np.float32)


@pytest.fixture
def client(affine_server):
    with affine_server.client() as client:
        yield client


def test_a_server_knows_who_it_is(affine_server):
    assert isinstance(affine_server.outcome, Launched)
    assert re.fullmatch(r"launched pid \d+ on unix:.* in \d+\.\d s", str(affine_server.outcome))
    assert affine_server.name == "shared"
    assert affine_server.status == "serving"
    assert affine_server.models == ("affine",)
    assert affine_server.record.lifetime == "kernel"
    assert affine_server.record.device.startswith("cpu")


def test_starting_it_again_finds_it(affine_server, affine):
    again = Server.start(affine, name="shared", device="cpu", tcp=True)
    assert isinstance(again.outcome, Reused)
    assert again.pid == affine_server.pid
    expected = f"reusing pid {again.pid} on {again.record.target} since {again.record.started_at}"
    assert str(again.outcome) == expected
    assert expected in repr(again)


def test_starting_another_in_its_place_is_refused_with_the_difference(affine_server, affine):
    with pytest.raises(ConfigurationDiffers, match=r"restart=True") as caught:
        Server.start(affine, name="shared", device="cpu", batching={"max_batch_size": 7})
    assert set(caught.value.differences) == {"batching", "tcp"}
    assert caught.value.differences["tcp"] == (True, False)
    assert affine_server.status == "serving"


def test_attaching_finds_it_by_name_and_alone(affine_server):
    assert Server.attach("shared").pid == affine_server.pid
    if len(find_all()) == 1:
        assert Server.attach().pid == affine_server.pid
    with pytest.raises(ServerNotFound, match=r"running are: .*shared"):
        Server.attach("nobody")


def test_it_is_listed(affine_server):
    servers = Server.list()
    assert affine_server.pid in [server.pid for server in servers]
    header, *lines = repr(servers).splitlines()
    assert header.split() == ["SERVER", "STATUS", "PID", "MODELS", "ADDRESSES", "SINCE"]
    assert any(line.startswith("shared") and "serving" in line for line in lines)
    assert '<th scope="row">shared</th><td>serving</td>' in servers._repr_html_()


def test_it_shows_itself_in_a_notebook(affine_server):
    html = affine_server._repr_html_()
    for expected in ("shared", "serving", str(affine_server.pid), "3 available", "up to 128 rows, 2000 µs"):
        assert expected in html
    assert affine_server.record.token not in html


def test_its_log_is_at_hand(affine_server):
    assert affine_server.logs(1).count("\n") == 0
    assert repr(affine_server.logs()) == str(affine_server.logs())
    assert affine_server.logs() != ""


def test_clients_are_made_for_it(affine_server):
    with affine_server.client() as grpc, affine_server.client(rest=True) as rest:
        np.testing.assert_array_equal(grpc.predict("affine", ROWS), rest.predict("affine", ROWS))


def test_notebook_defaults_of_batching_are_in_force(affine_server):
    state = affine_server.batching()
    assert state.enabled
    assert (state.parameters.max_batch_size, state.parameters.batch_timeout_micros) == (128, 2000)


def test_batching_is_changed_and_undone_while_it_runs(affine_server, client):
    before = affine_server.batching()
    changed = affine_server.set_batching(max_batch_size=16, allowed_batch_sizes=(8, 16))
    assert changed.generation > before.generation
    assert changed.parameters.max_batch_size == 16
    assert changed.parameters.allowed_batch_sizes == (8, 16)
    assert changed.parameters.batch_timeout_micros == 2000
    kept = affine_server.set_batching("affine", batch_timeout_micros=500)
    assert kept.parameters.allowed_batch_sizes == (8, 16)
    assert client.predict("affine", ROWS).shape == (4, 3)
    assert affine_server.undo_batching().parameters == changed.parameters
    assert affine_server.undo_batching().parameters == before.parameters
    with pytest.raises(NothingToUndo, match="batching parameters"):
        affine_server.undo_batching()


def test_batching_is_switched_off_and_on(affine_server, client):
    assert not affine_server.set_batching(enabled=False).enabled
    assert client.predict("affine", ROWS).shape == (4, 3)
    assert affine_server.undo_batching().enabled


def test_a_broken_rule_changes_nothing(affine_server):
    before = affine_server.batching()
    with pytest.raises(RequestFailed, match="allowed_batch_sizes") as caught:
        affine_server.set_batching(allowed_batch_sizes=(1, 2))
    assert caught.value.code == "INVALID_ARGUMENT"
    with pytest.raises(InvalidSetting, match="max_batchsize"):
        affine_server.set_batching(max_batchsize=3)
    assert affine_server.batching() == before


def test_an_undo_does_not_run_over_somebody_elses_change(affine_server):
    mine, others = affine_server, Server.attach("shared")
    before = mine.batching().parameters
    mine.set_batching(max_batch_size=64)
    others.set_batching(batch_timeout_micros=1)
    with pytest.raises(RequestFailed) as caught:
        mine.undo_batching()
    assert caught.value.code == "FAILED_PRECONDITION"
    assert mine.batching().parameters.batch_timeout_micros == 1
    mine.set_batching(**{field.name: getattr(before, field.name) for field in fields(before)})


def test_statistics_count_what_was_asked(affine_server, client):
    before = affine_server.statistics()
    for _ in range(5):
        client.predict("affine", ROWS)
    between = affine_server.statistics("affine").since(before)
    (signature,) = [entry for entry in between.signatures if entry.version == 3]
    assert signature.succeeded == 5
    assert signature.rows == 20
    assert sum(signature.close_reasons.values()) == signature.batches
    assert signature.batch_size.count == signature.batches
    assert signature.stage_micros["total"].count == 5


def test_statistics_are_watched(affine_server, client):
    readings = affine_server.watch_statistics(period=0.05)
    first = next(readings)
    client.predict("affine", ROWS)
    assert next(reading for reading in readings if sum_of(reading) > sum_of(first))
    readings.close()


def sum_of(reading):
    return sum(signature.succeeded for signature in reading.signatures)


def test_a_model_it_does_not_serve_is_named(affine_server):
    with pytest.raises(ModelNotServed, match=r"no model 'other'; it has: affine"):
        affine_server.versions("other")
