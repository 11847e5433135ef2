"""Archives that are damaged in ways that a seed chooses."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Iterator

COMPRESSED = {"tar.gz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lzma.compress}


def files(seed: int) -> dict[str, bytes]:
    """Return some files of text that compresses to a part."""
    chance = random.Random(seed)
    words = ["dog", "barks", "rain", "falls", "a", "the"]
    return {f"set/{n}.csv": " ".join(chance.choices(words, k=3000)).encode() for n in range(4)}


def tar(members: dict[str, bytes]) -> bytes:
    """Return a plain tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    """Return a zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def flipped(data: bytes, chance: random.Random, first: int = 0) -> bytes:
    """Return `data` with one bit, at or after byte `first`, the other way."""
    place = chance.randrange(first, len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def damaged(seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of damaged archives: each is to be refused, or to give the right files."""
    chance, members = random.Random(seed), files(seed)
    plain = tar(members)
    for name, compress in COMPRESSED.items():
        whole = compress(plain)
        yield f"flip.{name}", flipped(whole, chance)
        yield f"flip-of-data.{name}", flipped(whole, chance, 30)
        yield f"cut.{name}", whole[: chance.randrange(1, len(whole))]
        yield f"no-trailer.{name}", whole[:-4]
    headers = [512 * n for n in range(len(plain) // 512) if plain[512 * n : 512 * n + 4] == b"set/"]
    for n, start in enumerate(headers):
        yield f"header-{n}.tar", plain[:start] + flipped(plain[start : start + 156], chance) + plain[start + 156 :]
    yield "cut-at-a-header.tar", plain[: headers[2]]
    yield "cut.tar", plain[: chance.randrange(1, headers[3])]
    whole = zipped(members)
    yield "flip.zip", flipped(whole, chance)
    yield "cut.zip", whole[: chance.randrange(1, len(whole))]


def impossible() -> Iterator[tuple[str, bytes]]:
    """Yield archives at which the libraries raise what they do not document, or that hold nothing."""
    yield "empty.tar", tar({})
    yield "empty.tar.gz", gzip.compress(tar({}))
    yield "empty.zip", zipped({})
    unknown = bytearray(zipped({"a.csv": b"abc" * 100}))
    for magic, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = unknown.index(magic) + offset
        unknown[place : place + 2] = (97).to_bytes(2, "little")
    yield "method.zip", bytes(unknown)
    info = tarfile.TarInfo("a.csv")
    info.type, info.size = tarfile.XHDTYPE, 7 * 2**30
    yield "header-of-7-GiB.tar", info.tobuf(tarfile.USTAR_FORMAT) + bytes(1024)
    yield "header-of-zeros.tar.gz", gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) + bytes(2**25))
    info = tarfile.TarInfo("a.csv")
    yield "tail-of-zeros.tar.gz", gzip.compress(info.tobuf() + bytes(2**26), 1)
    pax = tarfile.TarInfo("a.csv")
    pax.pax_headers = {"mtime": "nan"}
    yield "time.tar", pax.tobuf(tarfile.PAX_FORMAT) + bytes(1024)
    yield "file-and-directory.tar", tar({"a": b"1", "a/b": b"2"})
    yield "long.tar", tar({"x" * 300: b"1", "b": b"2"})
    yield "nul.zip", zipped({"a": b"1"}).replace(b"a", b"\0")
