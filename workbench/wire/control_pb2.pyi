from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BatchingParameters(_message.Message):
    __slots__ = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads", "thread_pool_name", "allowed_batch_sizes", "pad_variable_length_inputs", "enable_large_batch_splitting", "max_execution_batch_size")
    MAX_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    BATCH_TIMEOUT_MICROS_FIELD_NUMBER: _ClassVar[int]
    MAX_ENQUEUED_BATCHES_FIELD_NUMBER: _ClassVar[int]
    NUM_BATCH_THREADS_FIELD_NUMBER: _ClassVar[int]
    THREAD_POOL_NAME_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_BATCH_SIZES_FIELD_NUMBER: _ClassVar[int]
    PAD_VARIABLE_LENGTH_INPUTS_FIELD_NUMBER: _ClassVar[int]
    ENABLE_LARGE_BATCH_SPLITTING_FIELD_NUMBER: _ClassVar[int]
    MAX_EXECUTION_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    max_batch_size: int
    batch_timeout_micros: int
    max_enqueued_batches: int
    num_batch_threads: int
    thread_pool_name: str
    allowed_batch_sizes: _containers.RepeatedScalarFieldContainer[int]
    pad_variable_length_inputs: bool
    enable_large_batch_splitting: bool
    max_execution_batch_size: int
    def __init__(self, max_batch_size: _Optional[int] = ..., batch_timeout_micros: _Optional[int] = ..., max_enqueued_batches: _Optional[int] = ..., num_batch_threads: _Optional[int] = ..., thread_pool_name: _Optional[str] = ..., allowed_batch_sizes: _Optional[_Iterable[int]] = ..., pad_variable_length_inputs: bool = ..., enable_large_batch_splitting: bool = ..., max_execution_batch_size: _Optional[int] = ...) -> None: ...

class GetBatchingRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ReplaceBatchingRequest(_message.Message):
    __slots__ = ("model", "parameters", "expected_generation", "disable", "keep_allowed_batch_sizes")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    DISABLE_FIELD_NUMBER: _ClassVar[int]
    KEEP_ALLOWED_BATCH_SIZES_FIELD_NUMBER: _ClassVar[int]
    model: str
    parameters: BatchingParameters
    expected_generation: int
    disable: bool
    keep_allowed_batch_sizes: bool
    def __init__(self, model: _Optional[str] = ..., parameters: _Optional[_Union[BatchingParameters, _Mapping]] = ..., expected_generation: _Optional[int] = ..., disable: bool = ..., keep_allowed_batch_sizes: bool = ...) -> None: ...

class Batching(_message.Message):
    __slots__ = ("model", "enabled", "parameters", "generation")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    model: str
    enabled: bool
    parameters: BatchingParameters
    generation: int
    def __init__(self, model: _Optional[str] = ..., enabled: bool = ..., parameters: _Optional[_Union[BatchingParameters, _Mapping]] = ..., generation: _Optional[int] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("version", "label")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    version: int
    label: str
    def __init__(self, version: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class Arm(_message.Message):
    __slots__ = ("target", "weight")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    target: Target
    weight: float
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ..., weight: _Optional[float] = ...) -> None: ...

class GetTrafficRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ReplaceSplitRequest(_message.Message):
    __slots__ = ("model", "arms", "expected_generation")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    model: str
    arms: _containers.RepeatedCompositeFieldContainer[Arm]
    expected_generation: int
    def __init__(self, model: _Optional[str] = ..., arms: _Optional[_Iterable[_Union[Arm, _Mapping]]] = ..., expected_generation: _Optional[int] = ...) -> None: ...

class ReplaceShadowRequest(_message.Message):
    __slots__ = ("model", "target", "expected_generation")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    model: str
    target: Target
    expected_generation: int
    def __init__(self, model: _Optional[str] = ..., target: _Optional[_Union[Target, _Mapping]] = ..., expected_generation: _Optional[int] = ...) -> None: ...

class ArmState(_message.Message):
    __slots__ = ("arm", "version", "share", "requests")
    ARM_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    arm: Arm
    version: int
    share: float
    requests: int
    def __init__(self, arm: _Optional[_Union[Arm, _Mapping]] = ..., version: _Optional[int] = ..., share: _Optional[float] = ..., requests: _Optional[int] = ...) -> None: ...

class Difference(_message.Message):
    __slots__ = ("labels", "disagreements", "max_abs_difference")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_ABS_DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    labels: int
    disagreements: int
    max_abs_difference: float
    def __init__(self, labels: _Optional[int] = ..., disagreements: _Optional[int] = ..., max_abs_difference: _Optional[float] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("compared", "failed", "dropped", "seconds", "last_error", "outputs")
    class OutputsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Difference
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Difference, _Mapping]] = ...) -> None: ...
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    compared: int
    failed: int
    dropped: int
    seconds: float
    last_error: str
    outputs: _containers.MessageMap[str, Difference]
    def __init__(self, compared: _Optional[int] = ..., failed: _Optional[int] = ..., dropped: _Optional[int] = ..., seconds: _Optional[float] = ..., last_error: _Optional[str] = ..., outputs: _Optional[_Mapping[str, Difference]] = ...) -> None: ...

class Traffic(_message.Message):
    __slots__ = ("model", "generation", "arms", "shadow", "comparison")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    model: str
    generation: int
    arms: _containers.RepeatedCompositeFieldContainer[ArmState]
    shadow: Target
    comparison: Comparison
    def __init__(self, model: _Optional[str] = ..., generation: _Optional[int] = ..., arms: _Optional[_Iterable[_Union[ArmState, _Mapping]]] = ..., shadow: _Optional[_Union[Target, _Mapping]] = ..., comparison: _Optional[_Union[Comparison, _Mapping]] = ...) -> None: ...

class GetStatisticsRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class WatchStatisticsRequest(_message.Message):
    __slots__ = ("model", "period_ms")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PERIOD_MS_FIELD_NUMBER: _ClassVar[int]
    model: str
    period_ms: int
    def __init__(self, model: _Optional[str] = ..., period_ms: _Optional[int] = ...) -> None: ...

class Histogram(_message.Message):
    __slots__ = ("limits", "counts", "sum")
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    SUM_FIELD_NUMBER: _ClassVar[int]
    limits: _containers.RepeatedScalarFieldContainer[float]
    counts: _containers.RepeatedScalarFieldContainer[int]
    sum: float
    def __init__(self, limits: _Optional[_Iterable[float]] = ..., counts: _Optional[_Iterable[int]] = ..., sum: _Optional[float] = ...) -> None: ...

class SignatureStatistics(_message.Message):
    __slots__ = ("model", "version", "signature", "generation", "succeeded", "failed", "shed", "cancelled", "queued_requests", "enqueued_batches", "in_flight_requests", "stage_micros", "batch_size", "batches", "rows", "executed_rows", "fill_ratio", "close_reasons")
    class StageMicrosEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Histogram
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Histogram, _Mapping]] = ...) -> None: ...
    class CloseReasonsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SHED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    ENQUEUED_BATCHES_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    STAGE_MICROS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_ROWS_FIELD_NUMBER: _ClassVar[int]
    FILL_RATIO_FIELD_NUMBER: _ClassVar[int]
    CLOSE_REASONS_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: int
    signature: str
    generation: int
    succeeded: int
    failed: int
    shed: int
    cancelled: int
    queued_requests: int
    enqueued_batches: int
    in_flight_requests: int
    stage_micros: _containers.MessageMap[str, Histogram]
    batch_size: Histogram
    batches: int
    rows: int
    executed_rows: int
    fill_ratio: float
    close_reasons: _containers.ScalarMap[str, int]
    def __init__(self, model: _Optional[str] = ..., version: _Optional[int] = ..., signature: _Optional[str] = ..., generation: _Optional[int] = ..., succeeded: _Optional[int] = ..., failed: _Optional[int] = ..., shed: _Optional[int] = ..., cancelled: _Optional[int] = ..., queued_requests: _Optional[int] = ..., enqueued_batches: _Optional[int] = ..., in_flight_requests: _Optional[int] = ..., stage_micros: _Optional[_Mapping[str, Histogram]] = ..., batch_size: _Optional[_Union[Histogram, _Mapping]] = ..., batches: _Optional[int] = ..., rows: _Optional[int] = ..., executed_rows: _Optional[int] = ..., fill_ratio: _Optional[float] = ..., close_reasons: _Optional[_Mapping[str, int]] = ...) -> None: ...

class Statistics(_message.Message):
    __slots__ = ("uptime_seconds", "signatures", "resident_bytes", "cpu_seconds")
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    CPU_SECONDS_FIELD_NUMBER: _ClassVar[int]
    uptime_seconds: float
    signatures: _containers.RepeatedCompositeFieldContainer[SignatureStatistics]
    resident_bytes: int
    cpu_seconds: float
    def __init__(self, uptime_seconds: _Optional[float] = ..., signatures: _Optional[_Iterable[_Union[SignatureStatistics, _Mapping]]] = ..., resident_bytes: _Optional[int] = ..., cpu_seconds: _Optional[float] = ...) -> None: ...

class GetModelConfigRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ModelConfiguration(_message.Message):
    __slots__ = ("model_server_config",)
    MODEL_SERVER_CONFIG_FIELD_NUMBER: _ClassVar[int]
    model_server_config: bytes
    def __init__(self, model_server_config: _Optional[bytes] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Owner(_message.Message):
    __slots__ = ("pid", "start_time")
    PID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    pid: int
    start_time: float
    def __init__(self, pid: _Optional[int] = ..., start_time: _Optional[float] = ...) -> None: ...

class ServerInfo(_message.Message):
    __slots__ = ("name", "pid", "start_time", "version", "device", "owner", "owner_timeout_seconds", "idle_timeout_seconds", "grpc_address", "grpc_socket", "rest_address", "state")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    OWNER_TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    GRPC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    GRPC_SOCKET_FIELD_NUMBER: _ClassVar[int]
    REST_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    name: str
    pid: int
    start_time: float
    version: str
    device: str
    owner: Owner
    owner_timeout_seconds: float
    idle_timeout_seconds: float
    grpc_address: str
    grpc_socket: str
    rest_address: str
    state: str
    def __init__(self, name: _Optional[str] = ..., pid: _Optional[int] = ..., start_time: _Optional[float] = ..., version: _Optional[str] = ..., device: _Optional[str] = ..., owner: _Optional[_Union[Owner, _Mapping]] = ..., owner_timeout_seconds: _Optional[float] = ..., idle_timeout_seconds: _Optional[float] = ..., grpc_address: _Optional[str] = ..., grpc_socket: _Optional[str] = ..., rest_address: _Optional[str] = ..., state: _Optional[str] = ...) -> None: ...

class SetOwnerRequest(_message.Message):
    __slots__ = ("owner",)
    OWNER_FIELD_NUMBER: _ClassVar[int]
    owner: Owner
    def __init__(self, owner: _Optional[_Union[Owner, _Mapping]] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ("timeout_seconds",)
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    timeout_seconds: float
    def __init__(self, timeout_seconds: _Optional[float] = ...) -> None: ...

class DrainResponse(_message.Message):
    __slots__ = ("abandoned",)
    ABANDONED_FIELD_NUMBER: _ClassVar[int]
    abandoned: int
    def __init__(self, abandoned: _Optional[int] = ...) -> None: ...

class StopRequest(_message.Message):
    __slots__ = ("timeout_seconds",)
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    timeout_seconds: float
    def __init__(self, timeout_seconds: _Optional[float] = ...) -> None: ...

class StopResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
