"""What the server knows about itself: stage times, outcomes, batch sizes."""
