"""Processes that speak HTTP/2 for the model process, so that the transport has more than one core.

Python runs one thread at a time, and of a small model's request most is the transport's. A front end takes
connections from the port that all share. Calls that are alike go to the model process together, over one
socket, others as bytes, each by itself; it decodes, batches, computes and encodes as without front ends.
"""
