"""What is wrong with a request before anybody has looked at what it asks for."""

from __future__ import annotations

from kernel_server.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted


class MalformedRequest(InvalidArgument):
    """The bytes are no HTTP/1.1 request."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"This is no HTTP/1.1 request: {problem}.")


class HeadTooLarge(ResourceExhausted):
    """Request line and headers exceed ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The request line and headers are larger than this server's limit of {limit} bytes."
        )


class BodyTooLarge(ResourceExhausted):
    """The body exceeds ``limit`` bytes, as sent or once inflated."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The request body is larger than this server's limit of {limit} bytes. "
            "Send fewer rows per request."
        )
        self.limit = limit


class RequestTooSlow(DeadlineExceeded):
    """The client stopped sending in the middle of a request."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The rest of the request did not come within {seconds:g} s.")
