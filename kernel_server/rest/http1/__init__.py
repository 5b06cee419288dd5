"""HTTP/1.1 for REST: connections, requests and replies. Knows nothing of models or JSON values.

Why not aiohttp's server: it spent 150 microseconds of CPU time on each request, a task among them. This
runs in callbacks on top of ``httptools``, Python's binding of llhttp, the parser of Node.js, which reads
the bytes. Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
"""
