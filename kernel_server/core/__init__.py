"""TensorFlow Serving's vocabulary, free of protocols and frameworks: servables and who manages them."""
