import json

import pytest

from workbench.errors import RecordInvalid
from workbench.processes import ProcessId
from workbench.records import read_record

CONTENT = {
    "schema": 1,
    "name": "digits",
    "pid": 42,
    "start_time": 1700000000.25,
    "lifetime": "kernel",
    "owner": {"pid": 7, "start_time": 1600000000.5},
    "owner_timeout_seconds": 60.0,
    "idle_timeout_seconds": 0,
    "grpc_address": None,
    "grpc_socket": "/run/user/1/grpc.sock",
    "rest_address": "http://127.0.0.1:4711",
    "token": "secret-token",
    "log_file": "/home/me/server.log",
    "models": {"digits": "/models/digits"},
    "python": "/usr/bin/python",
    "version": "0.1.0",
    "device": "cpu",
    "started_at": "2026-11-22T10:00:00+00:00",
    "fingerprint": "abc",
}


@pytest.fixture
def state_file(tmp_path):
    def write(**changes):
        path = tmp_path / "state.json"
        path.write_text(json.dumps(CONTENT | changes))
        return path

    return write


def test_a_record_is_read_back_as_the_server_wrote_it(state_file):
    record = read_record(state_file())
    assert record is not None
    assert record.process == ProcessId(42, 1700000000.25)
    assert record.owner == ProcessId(7, 1600000000.5)
    assert record.models == {"digits": "/models/digits"}
    assert record.token == "secret-token"
    assert record.target == "unix:/run/user/1/grpc.sock"
    assert record.addresses == ("unix:/run/user/1/grpc.sock", "http://127.0.0.1:4711")


def test_without_a_socket_the_target_is_the_tcp_address(state_file):
    record = read_record(state_file(grpc_socket=None, grpc_address="127.0.0.1:8500", owner=None))
    assert record is not None
    assert record.target == "127.0.0.1:8500"
    assert record.owner is None


def test_the_token_is_not_shown(state_file):
    assert "secret-token" not in repr(read_record(state_file()))


def test_no_file_is_no_record(tmp_path):
    assert read_record(tmp_path / "state.json") is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"schema": 2}, "schema 1 expected"),
        ({"pid": "42"}, "'pid' is '42'"),
        ({"models": ["digits"]}, "'models'"),
        ({"owner": {"pid": 7}}, "'owner'"),
        ({"owner": {"pid": None, "start_time": 1.0}}, "'owner'"),
        ({"token": 5}, "'token' is 5"),
        ({"grpc_socket": None}, "neither grpc_socket nor grpc_address"),
    ],
)
def test_what_is_no_record_is_refused_by_name(state_file, changes, complaint):
    path = state_file(**changes)
    with pytest.raises(RecordInvalid, match=complaint) as caught:
        read_record(path)
    assert caught.value.path == path


def test_a_missing_field_is_refused(tmp_path):
    path = tmp_path / "state.json"
    path.write_text(json.dumps({key: value for key, value in CONTENT.items() if key != "device"}))
    with pytest.raises(RecordInvalid, match="'device' is None"):
        read_record(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"text"'])
def test_a_file_that_is_no_json_object_is_refused(tmp_path, content):
    path = tmp_path / "state.json"
    path.write_text(content)
    with pytest.raises(RecordInvalid):
        read_record(path)
