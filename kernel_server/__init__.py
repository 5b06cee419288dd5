"""A batching model server, wire-compatible with TensorFlow Serving; a process, not a library.

Run it as ``kernel-server --model_base_path=...`` or ``python -m kernel_server ...``.
"""

from importlib.metadata import version

__version__ = version("serving-workbench")
