"""Models whose versions run in processes of their own, as ``--isolated_models`` names them.

What a version has taken is given back when its process ends, a crash takes that version alone, and neither
loading nor running it holds the interpreter of the server. Queues, batches and warm-up stay in the server.
"""
