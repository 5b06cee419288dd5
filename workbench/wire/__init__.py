"""TensorFlow Serving's wire format without TensorFlow: messages, tensors, calls."""
