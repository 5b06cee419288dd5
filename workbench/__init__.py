"""Serving Workbench: placeholder until the public names exist."""

__version__ = "0.1.0"
