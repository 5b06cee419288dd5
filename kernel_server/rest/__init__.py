"""The HTTP face: TensorFlow Serving's REST routes and JSON, over the same handlers as gRPC."""
