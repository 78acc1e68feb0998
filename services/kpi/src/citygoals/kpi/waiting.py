"""Waiting for an event, but not for ever."""

import asyncio


async def wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait until the event is set, at most `seconds`; say whether it is.

    Not `asyncio.wait_for`: in Python 3.11 that can swallow a cancellation which comes together with the event, and a
    tenure whose tasks are to end would wait for ever for the one that was not told.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
