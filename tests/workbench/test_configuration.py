import pytest

from workbench.batching import BatchingParameters
from workbench.configuration import Configuration, saved_configuration
from workbench.errors import InvalidSetting
from workbench.home import ServerFolder


@pytest.fixture
def base_path(tmp_path):
    (tmp_path / "digits" / "1").mkdir(parents=True)
    return tmp_path / "digits"


def configuration(models, **changes):
    settings = {
        "batching": None,
        "lifetime": "kernel",
        "owner_timeout": 60.0,
        "idle_timeout": None,
        "device": "auto",
        "tcp": False,
        "rest": True,
        "flags": {},
    }
    return Configuration.of(models, **settings | changes)


def test_a_model_is_named_after_its_folder(base_path):
    made = configuration(base_path)
    assert made.models == {"digits": str(base_path)}
    assert made.default_name == "digits"


def test_paths_are_made_absolute(base_path, monkeypatch):
    monkeypatch.chdir(base_path.parent)
    assert configuration("digits").models == {"digits": str(base_path)}
    monkeypatch.chdir(base_path)
    assert configuration(".").models == {"digits": str(base_path)}


def test_names_of_several_models_make_the_servers(base_path):
    assert configuration({"my digits": base_path, "b/c": base_path}).default_name == "my-digits-b-c"


def test_a_version_in_place_of_its_model_is_refused(base_path):
    (base_path / "1" / "saved_model.pb").touch()
    with pytest.raises(InvalidSetting, match=rf"folder above it, {base_path}$"):
        configuration(base_path / "1")


def test_what_a_server_would_wait_for_is_refused(tmp_path):
    with pytest.raises(InvalidSetting, match="no such folder"):
        configuration(tmp_path / "nothing")
    (tmp_path / "empty" / "latest").mkdir(parents=True)
    with pytest.raises(InvalidSetting, match="holds no version"):
        configuration(tmp_path / "empty")
    with pytest.raises(InvalidSetting, match="at least one model"):
        configuration({})


def test_equal_configurations_have_equal_fingerprints(base_path):
    one = configuration(base_path, batching={"max_batch_size": 32}, flags={"a": 1, "b": True})
    other = configuration(str(base_path), batching=BatchingParameters(32), flags={"b": "true", "a": "1"})
    assert one == other
    assert one.fingerprint == other.fingerprint


def test_differences_are_named(base_path):
    one, other = configuration(base_path), configuration(base_path, batching=False, device="cpu")
    assert one.fingerprint != other.fingerprint
    assert one.differences(other) == {
        "batching": (BatchingParameters(), None),
        "device": ("auto", "cpu"),
    }


def test_it_survives_the_disk(base_path, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    folder = ServerFolder.of("digits")
    folder.create()
    assert saved_configuration(folder) is None
    made = configuration(base_path, batching={"allowed_batch_sizes": [8, 128]}, flags={"x": 1})
    made.save(folder)
    assert saved_configuration(folder) == made
    folder.configuration.write_text('{"models": {}}')
    assert saved_configuration(folder) is None


def test_an_unknown_batching_field_is_refused(base_path):
    with pytest.raises(InvalidSetting, match=r"max_batchsize.*batching parameters are max_batch_size"):
        configuration(base_path, batching={"max_batchsize": 1})
