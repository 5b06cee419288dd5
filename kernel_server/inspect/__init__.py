"""``kernel-server inspect``: what is in a version folder, and what it costs to run."""
