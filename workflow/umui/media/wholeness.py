"""Whether a file has all the bytes that its container says it has.

libav shortens what a container claims to what is there, so that a file that was cut off looks whole to it.  This is
held by hand: the sizes in RIFF (WAV and AVI), W64 and CAF, ASF's size of the file, Ogg's end-of-stream page, and the
boxes and segment indices of MP4.  A size that a writer leaves open, since it writes to a pipe, claims nothing.

What cannot be held: fragmented MP4 without an index that is cut off just between two fragments, and MP3, ADTS, AC-3,
AMR and MPEG streams, which say nothing of their length.
"""

import struct
from collections.abc import Callable
from typing import BinaryIO

OPEN_BYTES = 0x7FFF0000  # and above: sizes that stand for "not known" in 32 bits; as sound it would be hours
OPEN_LONG_BYTES = 1 << 62
MOST_PARTS = 1_000_000
OGG_TAIL_BYTES = 1 << 17  # two of its largest pages
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_BROADCAST = 1
SIDX_MOST_BYTES = 1 << 20


def missing(file: BinaryIO, demuxer: str, size: int, start: int, most_share: float) -> str:
    """Say what is missing of a file of `size` bytes whose container begins at `start`; "" for nothing known.

    At most `most_share` of the claimed bytes may be missing, and none of an Ogg file or a fragmented MP4, where what is
    missing may be more than what was begun.
    """
    held = HELD.get(demuxer)
    return held(file, size, start, most_share) if held else ""


def _shortfall(size: int, claimed: int, most_share: float) -> str:
    if claimed - size <= most_share * claimed:
        return ""
    return f"truncated: {size} bytes of the {claimed} that the headers claim"


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _wav(file: BinaryIO, size: int, start: int, most_share: float) -> str:
    position, long_bytes = start + 12, 0
    for _ in range(MOST_PARTS):
        header = _read(file, position, 24)
        if len(header) < 8:
            return ""
        name, length = struct.unpack_from("<4sI", header)
        if name == b"ds64" and len(header) == 24:  # of RF64: size of the file, size of the sound
            (long_bytes,) = struct.unpack_from("<Q", header, 16)
        if name == b"data":
            claimed, most = (long_bytes, OPEN_LONG_BYTES) if length == 0xFFFFFFFF else (length, OPEN_BYTES)
            return _shortfall(size, position + 8 + claimed, most_share) if claimed < most else ""
        position += 8 + length + length % 2
    return ""


def _w64(file: BinaryIO, size: int, start: int, most_share: float) -> str:
    position = start + 40  # behind two names of 16 bytes and a size
    for _ in range(MOST_PARTS):
        header = _read(file, position, 24)
        if len(header) < 24:
            return ""
        (length,) = struct.unpack_from("<Q", header, 16)  # of the header, too
        if header[:4] == b"data":
            return _shortfall(size, position + length, most_share) if length < OPEN_LONG_BYTES else ""
        if length < 24:
            return ""
        position += length + -length % 8
    return ""


def _caf(file: BinaryIO, size: int, start: int, most_share: float) -> str:
    position = start + 8
    for _ in range(MOST_PARTS):
        header = _read(file, position, 12)
        if len(header) < 12:
            return ""
        name, length = struct.unpack(">4sq", header)
        if length < 0:  # to the end of the file
            return ""
        position += 12 + length
        if name == b"data":
            return _shortfall(size, position, most_share)
    return ""


def _avi(file: BinaryIO, size: int, start: int, most_share: float) -> str:
    position = start
    for _ in range(MOST_PARTS):  # above 1 GB it goes on in another RIFF
        header = _read(file, position, 8)
        if len(header) < 8 or header[:4] != b"RIFF":
            return ""
        (length,) = struct.unpack_from("<I", header, 4)
        if not 0 < length < OPEN_BYTES:
            return ""
        position += 8 + length + length % 2
        if position - length % 2 > size:
            return _shortfall(size, position, most_share)
    return ""


def _asf(file: BinaryIO, size: int, start: int, most_share: float) -> str:
    position = start + 30
    for _ in range(struct.unpack("<I", _read(file, start + 24, 4).ljust(4, b"\0"))[0] % MOST_PARTS):
        part = _read(file, position, 104)
        if len(part) < 104:
            return ""
        (length,) = struct.unpack_from("<Q", part, 16)
        if part[:16] == ASF_FILE_PROPERTIES:
            (claimed,), (flags,) = struct.unpack_from("<Q", part, 40), struct.unpack_from("<I", part, 88)
            return "" if flags & ASF_BROADCAST else _shortfall(size, start + claimed, most_share)
        if length < 24 or position + length > size:
            return ""
        position += length
    return ""


def _ogg(file: BinaryIO, size: int, start: int, most_share: float) -> str:
    tail = _read(file, max(start, size - OGG_TAIL_BYTES), OGG_TAIL_BYTES)
    place = len(tail)
    while (place := tail.rfind(b"OggS", 0, place)) >= 0:
        version, flags = (*tail[place + 4 : place + 6], 0, 0)[:2]
        if version == 0 and flags < 8:
            break
    else:
        return ""
    segments = tail[place + 26 : place + 27]
    lengths = tail[place + 27 : place + 27 + segments[0]] if segments else b""
    whole = segments and len(lengths) == segments[0] and place + 27 + len(lengths) + sum(lengths) <= len(tail)
    if not whole:
        return "truncated: the last page is not whole"
    return "" if flags & 4 else "truncated: there is no end-of-stream page"


def _mov(file: BinaryIO, size: int, start: int, most_share: float) -> str:
    position, fragmented, indexed = start, False, 0
    for _ in range(MOST_PARTS):
        header = _read(file, position, 16)
        if len(header) < 8:
            break
        length, name = struct.unpack_from(">I4s", header)
        if length == 1 and len(header) == 16:
            (length,) = struct.unpack_from(">Q", header, 8)
        if length < 8 or not name.isalnum():  # to the end of the file, or no box
            break
        fragmented = fragmented or name == b"moof"
        position += length
        if position > size:
            return _shortfall(size, position, 0 if fragmented else most_share)
        if name == b"sidx":
            indexed = max(indexed, position + _indexed_bytes(_read(file, position - length, SIDX_MOST_BYTES)[8:length]))
    return _shortfall(size, indexed, most_share)


def _indexed_bytes(index: bytes) -> int:
    """Return how many bytes behind it a segment index (ISO/IEC 14496-12, 8.16.3) refers to."""
    wide = bool(index[:1] and index[0])
    places = ">QQHH" if wide else ">IIHH"
    if len(index) < 12 + struct.calcsize(places):
        return 0
    _, first, _, count = struct.unpack_from(places, index, 12)
    references = index[12 + struct.calcsize(places) :]
    sizes = (
        struct.unpack_from(">I", references, 12 * number)[0] for number in range(min(count, len(references) // 12))
    )
    return int(first + sum(reference & 0x7FFFFFFF for reference in sizes))


HELD: dict[str, Callable[[BinaryIO, int, int, float], str]] = {
    "wav": _wav,
    "w64": _w64,
    "caf": _caf,
    "avi": _avi,
    "asf": _asf,
    "ogg": _ogg,
    "mov": _mov,
}
