"""Media files that are damaged, odd or malicious, from seeds: the same seed makes the same bytes."""

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile


def box(name: bytes, *parts: bytes) -> bytes:
    """Return a box of an MP4 file."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), name) + content


def full_box(name: bytes, *parts: bytes) -> bytes:
    """Return a box with a version and flags, all 0."""
    return box(name, bytes(4), *parts)


def index_bomb(samples: int, tracks: int = 1) -> bytes:
    """Return an MP4 of under 4 kB a track that has libav keep an index of so many samples a track."""
    entry = box(b"mp4a", bytes(6), struct.pack(">H", 1), bytes(8), struct.pack(">HHHHI", 1, 16, 0, 0, 16000 << 16))
    tables = box(
        b"stbl",
        full_box(b"stsd", struct.pack(">I", 1), entry),
        full_box(b"stts", struct.pack(">III", 1, samples, 2)),
        full_box(b"stsc", struct.pack(">IIII", 1, 1, samples, 1)),
        full_box(b"stsz", struct.pack(">II", 1, samples)),
        full_box(b"stco", struct.pack(">II", 1, 40)),
    )
    data = full_box(b"dref", struct.pack(">I", 1), box(b"url ", b"\0\0\0\1"))
    media = box(
        b"mdia",
        full_box(b"mdhd", struct.pack(">IIIIHH", 0, 0, 1_000_000, 2 * samples, 0, 0)),
        full_box(b"hdlr", bytes(4), b"soun", bytes(13)),
        box(b"minf", full_box(b"smhd", bytes(4)), box(b"dinf", data), tables),
    )
    track = box(b"trak", full_box(b"tkhd", struct.pack(">IIIII", 0, 0, 1, 0, samples), bytes(60)), media)
    head = full_box(b"mvhd", struct.pack(">IIII", 0, 0, 1000, 1000), bytes(80))
    return box(b"ftyp", b"isom", bytes(4), b"isom") + box(b"moov", head, track * tracks) + box(b"mdat", bytes(64))


def tagged(container: bytes, seed: int) -> bytes:
    """Return a container behind an ID3v2 tag of some length."""
    generator = random.Random(seed)
    title = generator.randbytes(generator.randrange(1, 300))
    frame = b"TIT2" + struct.pack(">IH", len(title), 0) + title + bytes(generator.randrange(200))
    length = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + length + frame + container


def one_channel(path: Path, channels: int, sounding: int, **how: str) -> Path:
    """Write a second of 440 Hz of amplitude 0.5 in one channel of several, silence in the others."""
    samples = np.zeros((16_000, channels))
    samples[:, sounding] = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    soundfile.write(path, samples, 16_000, **how)
    return path


def flipped(data: bytes, seed: int) -> bytes:
    """Return data with 1 to 40 bits flipped, the first ones more often: there the headers are."""
    generator, harmed = random.Random(seed), bytearray(data)
    for _ in range(generator.randrange(1, 41)):
        place = int(len(data) * generator.random() ** generator.choice((1, 8)))
        harmed[place] ^= 1 << generator.randrange(8)
    return bytes(harmed)


def mangled(sources: list[Path], directory: Path, seed: int, count: int) -> Iterator[Path]:
    """Write and yield damaged copies of sources: bits flipped, cut off, a piece left out, put in twice or zeroed."""
    generator = random.Random(seed)
    for number in range(count):
        source = generator.choice(sources)
        data = source.read_bytes()
        begin, end = sorted(generator.randrange(len(data) + 1) for _ in range(2))
        harmed = (
            flipped(data, seed + number),
            data[:end],
            data[:begin] + data[end:],
            data[:end] + data[begin:],
            data[:begin] + bytes(end - begin) + data[end:],
        )[generator.randrange(5)]
        path = directory / f"{seed}-{number}{source.suffix}"
        path.write_bytes(harmed)
        yield path
