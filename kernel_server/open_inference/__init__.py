"""What the gRPC and the REST face of the Open Inference Protocol, version 2, have in common."""
