"""Damaged copies of files: seeded, small changes of all kinds."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

NUMBERS = (
    "0", "-1", "1", "2", "255", "65536", "999999999", "4294967295", "9223372036854775807", "1e-320",
    "1e-200", "1e38", "1e39", "1e200", "1e308", "-1e308", "1e999", ".nan", "nan", "inf", "0.5", "x",
    "9" * 400, "",
)  # fmt: skip
WORDS = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**40, 2**62, 2**63, 2**64 - 1)


def flip(content: bytearray, draw: random.Random) -> bytes:
    for _ in range(draw.choice((1, 1, 2, 8, 30))):
        content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content)


def truncate(content: bytearray, draw: random.Random) -> bytes:
    return bytes(content[: draw.randrange(len(content))])


def insert(content: bytearray, draw: random.Random) -> bytes:
    at, size = draw.randrange(len(content)), draw.choice((1, 2, 8, 100, 5000))
    filler = draw.choice((draw.randbytes(size), bytes(size), b"A" * size, b"9" * size, b"[" * size))
    return bytes(content[:at] + filler + content[at:])


def repeat(content: bytearray, draw: random.Random) -> bytes:
    start = draw.randrange(len(content))
    chunk = content[start : start + draw.choice((1, 10, 100, 1000))]
    return bytes(content[:start] + chunk * draw.choice((2, 10, 100)) + content[start:])


def renumber(content: bytearray, draw: random.Random) -> bytes:
    found = list(re.finditer(rb"-?\d[\d.]*(?:[eE][-+]?\d+)?", content))
    for match in sorted(draw.sample(found, min(len(found), draw.choice((1, 1, 2, 5)))), key=at):
        value = draw.choice(NUMBERS).encode()
        content[match.start() : match.end()] = value
    return bytes(content)


def at(match: re.Match[bytes]) -> int:
    """Sort by position, the last first, because replaced text changes those behind it."""
    return -match.start()


def overwrite(content: bytearray, draw: random.Random) -> bytes:
    size = draw.choice((1, 2, 4, 8))
    word = (draw.choice(WORDS) % 256**size).to_bytes(size, draw.choice(("little", "big")))
    start = draw.randrange(len(content))
    content[start : start + size] = word
    return bytes(content)


CHANGES: tuple[Callable[[bytearray, random.Random], bytes], ...] = (
    flip, truncate, insert, repeat, renumber, overwrite,
)  # fmt: skip


def mutant(content: bytes, seed: int) -> bytes:
    """Return a damaged copy; each seed gives the same one at all times."""
    draw = random.Random(seed)
    return CHANGES[seed % len(CHANGES)](bytearray(content), draw)
