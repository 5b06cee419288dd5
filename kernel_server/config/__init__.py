"""The text-proto files that configure the server, and the dataclasses that they become."""
