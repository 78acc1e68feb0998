"""Reading a request's body within limits of size and time; a gzip bomb is stopped while it unfolds."""

import asyncio
import zlib

from starlette.requests import ClientDisconnect, Request

from citygoals.shared.problem import Problem

GZIP = 16 + zlib.MAX_WBITS
PIECE_BYTES = 4096
_CODINGS_TAKEN = {"Accept-Encoding": "gzip, identity"}


async def read_body(request: Request, *, bytes_max: int, timeout_s: float) -> bytes:
    """Return the decoded body.

    Raises:
        Problem: 413 too large once decoded, 415 an unknown coding, 400 broken gzip, 408 too slow.
    """
    is_gzip = _is_gzip(request)
    try:
        async with asyncio.timeout(timeout_s):
            body = await request.body()
    except TimeoutError as error:
        raise Problem(408, f"The body did not arrive within {timeout_s:g} s.") from error
    except ClientDisconnect as error:
        raise Problem(400, "The client went away.") from error
    return unzip(body, bytes_max) if is_gzip else body


def _is_gzip(request: Request) -> bool:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("gzip", "x-gzip", "identity", ""):
        raise Problem(415, "A body may be sent plain or gzip-coded.", headers=_CODINGS_TAKEN)
    return coding.endswith("gzip")


def unzip(body: bytes, bytes_max: int) -> bytes:
    """Return what a gzip body holds, of which there may be several members. Raises Problem 413 or 400."""
    parts, room, at = [], bytes_max, 0
    member = zlib.decompressobj(GZIP)
    while at < len(body):
        # In pieces, since what follows a member is copied: tens of thousands of tiny members would take a second.
        piece = body[at : at + PIECE_BYTES]
        try:
            # One byte more than allowed tells "too large" from "just fits", and nothing beyond it is ever unfolded.
            part = member.decompress(piece, room + 1)
        except zlib.error as error:
            raise Problem(400, "The body is not valid gzip.") from error
        room -= len(part)
        if room < 0:
            raise Problem(413, _too_large(bytes_max))
        parts.append(part)
        at += len(piece) - len(member.unused_data)
        if member.eof and at < len(body):
            member = zlib.decompressobj(GZIP)
    if body and not member.eof:
        raise Problem(400, "The gzip body is cut short.")
    return b"".join(parts)


def _too_large(bytes_max: int) -> str:
    return f"A body may have {bytes_max} bytes, decoded."
