import pytest

from workbench.transport.addresses import is_http, is_local


@pytest.mark.parametrize(
    ("target", "http", "local"),
    [
        ("127.0.0.1:8500", False, True),
        ("localhost:8500", False, True),
        ("[::1]:8500", False, True),
        ("unix:/run/x.sock", False, True),
        ("serving.example.org:8500", False, False),
        ("10.0.0.7:8500", False, False),
        ("http://127.0.0.1:8501", True, True),
        ("https://serving.example.org", True, False),
    ],
)
def test_addresses_tell_protocol_and_place(target, http, local):
    assert is_http(target) == http
    assert is_local(target) == local
