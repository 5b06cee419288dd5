"""Which requests are logged, by which configuration; no server, but a real writer and real files."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.request_logs import logging_config, read_logs
from support.stubs import predict_request
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from tensorflow_serving.config.logging_config_pb2 import LoggingConfig

from kernel_server.errors import InvalidArgument
from kernel_server.request_logging.request_logs import NOT_WRITTEN, OK, QUEUE_FULL, RequestLogs
from kernel_server.request_logging.writer import MOST_WAITING_BYTES

PATIENCE = 60.0


@dataclass
class Request:
    """One that was answered."""

    value: float = 0
    model: str = "half"
    size: int = 0
    hold: threading.Event | None = None

    def message(self) -> PredictionLog:
        if self.hold is not None:
            assert self.hold.wait(PATIENCE)
        return PredictionLog(predict_log={"request": predict_request(self.model, [self.value])})


class Lab:
    """Request logs, and what became of the requests."""

    def __init__(self, **options: object) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.logs = RequestLogs(lambda model, code: self.counts.update([(model, code)]), **options)  # type: ignore[arg-type]

    def install(self, **configs: LoggingConfig) -> None:
        """Log these models like this, and no others."""
        self.logs.prepare({model: config.SerializeToString() for model, config in configs.items()})()

    def send(self, request: Request) -> bool:
        """Answer a request; whether it was sampled."""
        logger = self.logs.sample(request.model)
        if logger is not None:
            logger.log(request)
        return logger is not None

    def finish(self) -> None:
        """Return when all is written."""
        done = threading.Event()
        self.logs.writer.offer(done.set)
        assert done.wait(PATIENCE)


@pytest.fixture
def lab() -> Iterator[Lab]:
    made = Lab(dc="here", task_index=2, tags=("serve", "gpu"))
    yield made
    assert made.logs.close(PATIENCE)


def test_only_configured_models_are_logged(lab: Lab, tmp_path: Path) -> None:
    lab.install(half=logging_config(tmp_path / "half"))
    assert (lab.send(Request(1)), lab.send(Request(2, "other"))) == (True, False)
    lab.finish()
    assert lab.counts == {("half", OK): 1}
    assert len(read_logs(tmp_path / "half-00001.tfrecord")) == 1


def test_metadata(lab: Lab, tmp_path: Path) -> None:
    config = logging_config(tmp_path / "half")
    config.sampling_config.attributes = 3
    lab.install(half=config)
    lab.send(Request(1))
    lab.finish()
    (log,) = read_logs(tmp_path / "half-00001.tfrecord")
    metadata = log.log_metadata
    assert metadata.sampling_config == config.sampling_config
    assert list(metadata.saved_model_tags) == ["serve", "gpu"]
    assert metadata.dc == "here"
    assert metadata.timestamp_secs > 1_700_000_000


@pytest.mark.parametrize(
    ("tasks", "rate"),
    [
        ([], 0.0),
        ([("here", 1, 1.0), ("there", 2, 1.0)], 0.0),
        ([("there", 2, 0.0), ("here", 2, 1.0), ("here", 2, 0.0)], 1.0),
    ],
)
def test_the_first_rate_for_this_task(
    lab: Lab, tmp_path: Path, tasks: list[tuple[str, int, float]], rate: float
) -> None:
    config = logging_config(tmp_path / "half", rate=0.0)
    for dc, index, own in tasks:
        config.sampling_config.per_task_sampling_configs.add(dc=dc, task_index=index, sampling_rate=own)
    lab.install(half=config)
    assert [lab.send(Request()) for _ in range(10)] == [bool(rate)] * 10


def test_a_share_of_the_requests(lab: Lab, tmp_path: Path) -> None:
    lab.install(half=logging_config(tmp_path / "half", rate=0.25))
    sampled = sum(lab.logs.sample("half") is not None for _ in range(10_000))
    assert 2_100 < sampled < 2_900, "nine standard deviations"


def test_models_with_equal_configurations_share_files(lab: Lab, tmp_path: Path) -> None:
    shared = logging_config(tmp_path / "both")
    lab.install(half=shared, other=shared, third=logging_config(tmp_path / "third"))
    for model in ("half", "other", "third"):
        lab.send(Request(1, model))
    lab.finish()
    names = [log.predict_log.request.model_spec.name for log in read_logs(tmp_path / "both-00001.tfrecord")]
    assert names == ["half", "other"]


def test_an_equal_configuration_goes_on_with_its_file(lab: Lab, tmp_path: Path) -> None:
    for models in (("half",), ("half", "other"), ("half",)):
        lab.install(**dict.fromkeys(models, logging_config(tmp_path / "half")))
        lab.send(Request(1))
    lab.install(half=logging_config(tmp_path / "half", max_files=5))
    lab.send(Request(1))
    lab.finish()
    assert [len(read_logs(path)) for path in sorted(tmp_path.iterdir())] == [3, 1]


def test_a_request_under_way_while_its_logger_goes_leaves_no_file(lab: Lab, tmp_path: Path) -> None:
    lab.install(half=logging_config(tmp_path / "half"))
    logger = lab.logs.sample("half")
    assert logger is not None
    lab.install()
    logger.log(Request(1))
    lab.finish()
    assert lab.counts == {("half", NOT_WRITTEN): 1}
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_counted_and_told_once(
    lab: Lab, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    lab.install(half=logging_config(folder / "half"))
    with caplog.at_level("INFO"):
        for present in (True, False, True):
            if present:
                folder.mkdir(exist_ok=True)
            else:
                folder.rename(tmp_path / "moved")
            for _ in range(3):
                lab.send(Request(1))
            lab.finish()
    assert lab.counts == {("half", OK): 6, ("half", NOT_WRITTEN): 3}
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert told[0].startswith(f"Requests cannot be logged to {folder / 'half'}: ")
    assert told[1] == f"Requests are logged to {folder / 'half'} again"


def test_what_waits_too_long_for_the_disk_is_dropped_and_counted(lab: Lab, tmp_path: Path) -> None:
    hold = threading.Event()
    lab.install(half=logging_config(tmp_path / "half"))
    lab.send(Request(1, hold=hold, size=MOST_WAITING_BYTES))
    for _ in range(5):
        lab.send(Request(2, size=1))
    assert lab.counts == {("half", QUEUE_FULL): 5}
    hold.set()
    lab.finish()
    assert lab.counts == {("half", QUEUE_FULL): 5, ("half", OK): 1}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (logging_config(Path("/tmp/x"), "csv"), "unknown type 'csv'. Installed types: jsonl, tfrecord"),
        (logging_config(Path("/tmp/x"), rate=1.5), "sampling_rate must lie between 0 and 1; was 1.5"),
        (
            logging_config(Path("/tmp/x"), rate=float("nan")),
            "sampling_rate must lie between 0 and 1; was nan",
        ),
        (logging_config(Path("/tmp/x"), max_files=-1), "max_files must not be negative; was -1"),
        (
            LoggingConfig(custom_logging_config={"type_url": "type.googleapis.com/x.Y"}),
            "custom_logging_config must hold a kernel_server.config.RequestLogOptions; "
            "was type.googleapis.com/x.Y",
        ),
        (
            LoggingConfig(
                custom_logging_config={
                    "type_url": "type.googleapis.com/kernel_server.config.RequestLogOptions",
                    "value": b"\xff",
                }
            ),
            "custom_logging_config holds no kernel_server.config.RequestLogOptions: ",
        ),
    ],
)
def test_a_bad_configuration_changes_nothing(
    lab: Lab, tmp_path: Path, config: LoggingConfig, message: str
) -> None:
    lab.install(half=logging_config(tmp_path / "half"))
    with pytest.raises(InvalidArgument) as caught:
        lab.install(half=config)
    assert caught.value.message.startswith("logging_config of model half: ")
    assert message in caught.value.message
    assert lab.send(Request(1))
