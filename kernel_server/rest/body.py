"""The bytes of a request body."""

from __future__ import annotations

from aiohttp import hdrs, web

from kernel_server.errors import InvalidArgument, ResourceExhausted


class BodyTooLarge(ResourceExhausted):
    """The body exceeds ``limit`` bytes, as sent or once inflated."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The request body is larger than this server's limit of {limit} bytes. "
            "Send fewer rows per request."
        )
        self.limit = limit


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """The whole body, inflated if it came compressed; ``limit`` is what ``request`` was built with.

    Raises :class:`BodyTooLarge`, if possible before the client sends, and :class:`InvalidArgument` for
    a body that its ``Content-Encoding`` does not describe.
    """
    if (request.content_length or 0) > limit:
        raise BodyTooLarge(limit)
    if hdrs.EXPECT in request.headers:
        await _invite(request)
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise BodyTooLarge(limit) from None
    except web.RequestPayloadError as error:
        raise InvalidArgument(f"The request body could not be read: {error}") from None


async def _invite(request: web.BaseRequest) -> None:
    """Tell a client that waits for it to send the body: curl does so before large ones."""
    writer = request.writer
    await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    writer.output_size = 0  # this was no part of the reply
