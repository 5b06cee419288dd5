"""Samples answered requests and writes them down, as ``PredictionLog`` messages, on a thread of its own.

A collector decides on the form; those of files are ``tfrecord`` and ``jsonl``, and other packages may bring
more through the entry-point group ``kernel_server.log_collectors``.
"""
