"""Processes that speak HTTP/2 for the model process, so that the transport has more than one core.

Python runs one thread at a time, and of a small model's request most is the transport's. A front end takes
connections from the port that all share, and relays each call, as bytes, over one socket to the model
process, which decodes, batches, computes and encodes as it does without front ends.
"""
