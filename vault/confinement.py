"""Hostile bytes are read by a program of their own: without keys, settings, or anything else of ours in reach.

What a program gives up before it reads, each says itself (`pdf_reader`, `picture_reader`).
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

SECONDS: Final = 15
"""For one file. A reader that needs longer has judged it too."""


async def read_apart(program: Path, argument: str, content: bytes | bytearray) -> bytes | None:
    """What the program says of the content given on its standard input; None when it died or took too long."""
    reader = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-B", str(program), argument,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(reader.communicate(content), SECONDS)
    except TimeoutError:
        return None
    finally:
        if reader.returncode is None:
            reader.kill()
            await reader.wait()
    return said if reader.returncode == 0 else None
