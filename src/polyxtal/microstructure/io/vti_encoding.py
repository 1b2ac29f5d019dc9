"""Binary arrays of VTK's XML files: raw or base64, uncompressed or in zlib blocks."""

from __future__ import annotations

import base64
import zlib

import numpy as np

from polyxtal.files.bounded import unpacked_limit

_BLOCK = 32768


class Stream:
    """Bytes stored raw or as base64, read from the front; each base64 part has its own padding."""

    def __init__(self, stored: bytes, raw: bool) -> None:
        """Start at the front."""
        self.stored, self.raw, self.position = stored, raw, 0

    def peek(self, size: int) -> bytes:
        """Return `size` bytes (fewer if a base64 part ends before) without advancing."""
        stored = self.stored[self.position : self.position + self._length(size)]
        return (stored if self.raw else base64.b64decode(stored, validate=True))[:size]

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes and advance.

        Raises:
            ValueError: if there are fewer.
        """
        data = self.peek(size)
        if len(data) < size:
            raise ValueError(f"must be complete, but ends {size - len(data)} bytes too early.")
        self.position += self._length(size)
        return data

    def _length(self, size: int) -> int:
        return size if self.raw else 4 * -(-size // 3)


def take_plain(stream: Stream, header: np.dtype, size: int) -> bytes:
    """Read [size][data]; the size may be a base64 part of its own or share one with the data."""
    stored = int(np.frombuffer(stream.take(header.itemsize), header)[0])
    if stored != size:
        raise ValueError(f"must hold {size} bytes, but holds {stored}.")
    if not stream.raw:
        stream.position = 0
        joint = stream.peek(header.itemsize + 1)
        if len(joint) > header.itemsize:
            return stream.take(header.itemsize + size)[header.itemsize :]
        stream.take(header.itemsize)
    return stream.take(size)


def inflate(stream: Stream, header: np.dtype, size: int, values: int) -> bytes:
    """Read [blocks][block size][last size][stored sizes…] and the zlib blocks behind it.

    Raises:
        ValueError: if the stream is damaged, or too short for so many bytes or values.
    """
    limit = unpacked_limit(len(stream.stored))
    if values > limit:
        raise ValueError(
            f"must unpack to at most {limit} values (FREE_VALUES, VALUES_PER_BYTE), "
            f"but is to hold {values}."
        )
    width = header.itemsize
    blocks, block, last = (int(n) for n in np.frombuffer(stream.peek(3 * width), header))
    whole = block * blocks if last == 0 else block * (blocks - 1) + last
    if whole != size or blocks == 0:
        raise ValueError(f"must hold {size} bytes, but holds {whole}.")
    if blocks > len(stream.stored):
        raise ValueError("must be complete, but ends before its last block.")
    sizes = [block] * (blocks - 1) + [last or block]
    stored = np.frombuffer(stream.take((3 + blocks) * width), header)[3:].astype(np.int64)
    total = int(stored.sum())
    if int(stored.min()) < 0 or total > len(stream.stored):
        raise ValueError("must be complete, but ends before its last block.")
    data, start, parts = stream.take(total), 0, []
    for length, expected in zip(stored.tolist(), sizes, strict=True):
        inflater = zlib.decompressobj()
        part = inflater.decompress(data[start : start + length], expected + 1)
        if len(part) != expected:
            raise ValueError(f"must unpack to blocks of {expected} bytes, but one differs.")
        parts.append(part)
        start += length
    return b"".join(parts)


def deflate(data: bytes) -> str:
    """Pack bytes into zlib blocks with their header, as base64."""
    packed = [zlib.compress(data[k : k + _BLOCK]) for k in range(0, len(data), _BLOCK)]
    sizes = [len(packed), _BLOCK, len(data) % _BLOCK, *map(len, packed)]
    header = np.array(sizes, dtype="<u4").tobytes()
    return (base64.b64encode(header) + base64.b64encode(b"".join(packed))).decode("ascii")
