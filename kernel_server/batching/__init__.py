"""Batching: many small requests become few large model runs. Knows arrays and futures, nothing else."""
