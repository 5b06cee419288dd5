"""How calls travel: over gRPC or HTTP, sync or async, with errors made equal."""
