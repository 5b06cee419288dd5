"""What requests mean, whatever protocol brought them."""

from kernel_server.handlers.handlers import Handlers

__all__ = ["Handlers"]
