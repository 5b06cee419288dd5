from google.protobuf import wrappers_pb2 as _wrappers_pb2
from kernel_server.config import config_files_pb2 as _config_files_pb2
from tensorflow.core.protobuf import config_pb2 as _config_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SavedModelBundleSourceAdapterConfig(_message.Message):
    __slots__ = ("legacy_config",)
    LEGACY_CONFIG_FIELD_NUMBER: _ClassVar[int]
    legacy_config: SessionBundleConfig
    def __init__(self, legacy_config: _Optional[_Union[SessionBundleConfig, _Mapping]] = ...) -> None: ...

class SessionBundleSourceAdapterConfig(_message.Message):
    __slots__ = ("config",)
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    config: SessionBundleConfig
    def __init__(self, config: _Optional[_Union[SessionBundleConfig, _Mapping]] = ...) -> None: ...

class SessionBundleConfig(_message.Message):
    __slots__ = ("session_config", "batching_parameters", "saved_model_tags", "enable_model_warmup", "model_warmup_options", "enable_per_model_batching_params")
    SESSION_CONFIG_FIELD_NUMBER: _ClassVar[int]
    BATCHING_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    SAVED_MODEL_TAGS_FIELD_NUMBER: _ClassVar[int]
    ENABLE_MODEL_WARMUP_FIELD_NUMBER: _ClassVar[int]
    MODEL_WARMUP_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    ENABLE_PER_MODEL_BATCHING_PARAMS_FIELD_NUMBER: _ClassVar[int]
    session_config: _config_pb2.ConfigProto
    batching_parameters: _config_files_pb2.BatchingParameters
    saved_model_tags: _containers.RepeatedScalarFieldContainer[str]
    enable_model_warmup: bool
    model_warmup_options: ModelWarmupOptions
    enable_per_model_batching_params: bool
    def __init__(self, session_config: _Optional[_Union[_config_pb2.ConfigProto, _Mapping]] = ..., batching_parameters: _Optional[_Union[_config_files_pb2.BatchingParameters, _Mapping]] = ..., saved_model_tags: _Optional[_Iterable[str]] = ..., enable_model_warmup: _Optional[bool] = ..., model_warmup_options: _Optional[_Union[ModelWarmupOptions, _Mapping]] = ..., enable_per_model_batching_params: _Optional[bool] = ...) -> None: ...

class ModelWarmupOptions(_message.Message):
    __slots__ = ("num_request_iterations",)
    NUM_REQUEST_ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    num_request_iterations: _wrappers_pb2.Int32Value
    def __init__(self, num_request_iterations: _Optional[_Union[_wrappers_pb2.Int32Value, _Mapping]] = ...) -> None: ...
