"""Fetch a data set's files from where they were published, on demand, checked against what is known of them.

`data/downloads.yaml` has the addresses, with a digest where one is known.  Elsewhere the first download is trusted: its
sha256 goes to a lock file, which every later download must equal, on any machine that has the lock.
"""

import base64
import hashlib
import http.client
import os
import queue
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit, urlunsplit

import yaml
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from umui.config.base import Count, Settings
from umui.datasets.download.unpack import unpack
from umui.files.atomic import write_json, write_text
from umui.files.digests import digest_file
from umui.processes.progress import reported
from umui.processes.say import say

PIECE_BYTES = 2**20
TIMEOUT_S = 60  # until the headers have come, whatever is sent before; then of each stretch that must bring something
LEAST_BYTES_PER_S = 1000  # of a stretch: a connection that is kept open by single bytes has failed
SECRETS = re.compile(r"(?i)((?:^|(?<=&))[^=&]*(?:key|token|sig|pass|pwd|auth|secret|credential|session)[^=&]*=)[^&]*")
SCHEMES = frozenset({"https"})


def _within_data(path: str) -> str:
    parts = PurePosixPath(path).parts
    if parts[:1] != ("data",) or ".." in parts:
        raise ValueError(f"{path}: give a path below data/")
    return path


DataPath = Annotated[str, AfterValidator(_within_data)]


class Unpack(Settings):
    """Where an archive goes, and what it may hold at most."""

    into: DataPath
    max_bytes: Count
    max_files: Count


class Download(Settings):
    """An address, the file that it becomes, and what is known of that file."""

    url: str
    file: DataPath
    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$")] | None
    bytes: Count | None
    max_bytes: Count
    unpack: Unpack | None = None
    by_hand: str | None = None


def shown(url: str) -> str:
    """Return an address as it may be shown and kept: without a user's name and password, and without keys in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, SECRETS.sub(r"\g<1>...", parts.query), ""))


def download(
    downloads: Annotated[Path, "data/downloads.yaml: addresses and digests"],
    name: Annotated[str, "its entry there"],
    lock: Annotated[Path, "sha256 of what each address gave, kept and checked"],
    receipt: Annotated[Path, "list of the downloaded files, written once all are complete"],
    *,
    schemes: Collection[str] = SCHEMES,
) -> None:
    """Fetch a data set's published files.

    Files that are there already stay; archives are unpacked.  `lock` keeps the sha256 of each address; `receipt` says
    that all is there.  Raises ValueError when a file is not what it should be, and ConnectionError when an address does
    not give it.
    """
    locked: dict[str, dict[str, Any]] = yaml.safe_load(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    for entry in entries(downloads, name):
        known = _known_digest(entry, locked)
        found = fetch(entry, known, schemes)
        if shown(entry.url) not in locked:
            if known is None:
                say(f"{entry.file}: no digest is published; sha256 {found['sha256']} is trusted, and kept in {lock}")
            locked[shown(entry.url)] = found
            write_text(lock, yaml.safe_dump(locked, sort_keys=True))
        if entry.unpack and Path(entry.unpack.into).exists():
            say(f"{entry.unpack.into} is there, so that {entry.file} is not unpacked")
        elif entry.unpack:
            unpack(Path(entry.file), Path(entry.unpack.into), entry.unpack.max_bytes, entry.unpack.max_files)
        if entry.by_hand:
            say(f"{entry.file} is to be unpacked by hand: {entry.by_hand}")
    write_json(receipt, locked)


def entries(downloads: Path, name: str) -> list[Download]:
    """Return the entry `name`.  Raises ValueError when there is none or when it is at fault."""
    known = yaml.safe_load(downloads.read_text(encoding="utf-8"))
    if name not in known:
        raise ValueError(f"{downloads}: {name}: no such entry; there are {', '.join(sorted(known))}")
    try:
        return TypeAdapter(list[Download]).validate_python(known[name])
    except ValidationError as error:
        raise ValueError(f"{downloads}: {name}: {error}") from None


def _known_digest(entry: Download, locked: dict[str, dict[str, Any]]) -> str | None:
    """A sha256 that was locked says more than a published md5, with which it then agreed."""
    stated = entry.digest or ""
    if shown(entry.url) in locked and not stated.startswith("sha256:"):
        return f"sha256:{locked[shown(entry.url)]['sha256']}"
    return entry.digest


def fetch(entry: Download, known: str | None, schemes: Collection[str]) -> dict[str, Any]:
    """Return the sha256 and the size of an entry's file, which is fetched unless it is there with the `known` digest.

    What has come of a file with a known digest stays when the connection or the job ends, and the next run goes on
    there; without one it could be of another version, and starts anew.
    """
    path = Path(entry.file)
    if path.exists():
        if known is None:
            raise ValueError(
                f"{path} is there, and nothing says whether it is what {shown(entry.url)} gives; move it away"
            )
        return _checked(path, entry, known)
    part = path.with_name(f".{path.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    if known is None:
        part.unlink(missing_ok=True)
    try:
        _stream(entry, part, schemes)
        found = _checked(part, entry, known)
    except ValueError:
        part.unlink(missing_ok=True)
        raise
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    return found


def _checked(path: Path, entry: Download, known: str | None) -> dict[str, Any]:
    size = path.stat().st_size
    if entry.bytes not in (None, size):
        raise ValueError(f"{path}: {size} bytes, where {entry.bytes} were expected of {shown(entry.url)}; move it away")
    found = digest_file(path)
    if known is not None:
        algorithm, _, expected = known.partition(":")
        digest = found if algorithm == "sha256" else _md5(path)
        if digest != expected:
            raise ValueError(
                f"{path}: {algorithm} {digest}, where {expected} was expected of {shown(entry.url)}; if it is the "
                "published file that has changed, look at the new one, and then change data/downloads.yaml or the lock"
            )
    return {"sha256": found, "bytes": size}


def _md5(path: Path) -> str:
    """Return the md5 of a file: what some publishers state; it tells damage, not malice."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects within the allowed schemes alone."""

    def __init__(self, schemes: Collection[str]) -> None:
        self.schemes = schemes

    def redirect_request(self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:  # noqa: E501  # fmt: skip
        _check_scheme(newurl, self.schemes)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_scheme(url: str, schemes: Collection[str]) -> None:
    if urlsplit(url).scheme not in schemes:
        raise ValueError(
            f"{shown(url)}: only {', '.join(sorted(schemes))} is fetched, and only such redirects are followed"
        )


def _stream(entry: Download, part: Path, schemes: Collection[str]) -> None:
    """Fetch the rest of an address into `part`."""
    _check_scheme(entry.url, schemes)
    start = part.stat().st_size if part.exists() else 0
    if start == entry.bytes:
        return
    opener = urllib.request.build_opener(_Redirects(schemes))
    try:
        with _opened(opener, _request(entry.url, start)) as response:
            _receive(response, entry, part, start if response.status == http.client.PARTIAL_CONTENT else 0)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        remedy = "run again, or put the file in place by hand"
        raise ConnectionError(f"{shown(entry.url)}: HTTP {error.code}, {error.reason}; {remedy}") from None
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
        said = getattr(error, "reason", error)
        remedy = f"run again, or put {entry.file} in place by hand"
        raise ConnectionError(f"{shown(entry.url)}: {said}; {remedy}") from None


def _request(url: str, start: int) -> urllib.request.Request:
    """Return the request of an address from byte `start`; a name and password in it go to its own host alone."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    headers = {"User-Agent": "umui", "Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)), headers=headers)
    if at:
        said = base64.b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {said}")
    return request


def _opened(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> Any:
    """Return the response whose headers have come.  Raises TimeoutError when they have not in TIMEOUT_S seconds.

    The library's own limit begins anew with every byte.  What it still waits for ends with this process.
    """
    found: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found.put(opener.open(request, timeout=TIMEOUT_S))
        except Exception as error:
            found.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        response = found.get(timeout=TIMEOUT_S)
    except queue.Empty:
        raise TimeoutError(f"no answer in {TIMEOUT_S} s") from None
    if isinstance(response, Exception):
        raise response
    return response


def _receive(response: http.client.HTTPResponse, entry: Download, part: Path, start: int) -> None:
    announced = response.headers["Content-Length"]
    total = start + int(announced) if announced and announced.isdecimal() else None
    if (total or 0) > entry.max_bytes:
        raise ValueError(f"{shown(entry.url)}: announces {total} bytes, where max_bytes is {entry.max_bytes}")
    received, count = start, -(-((total or entry.max_bytes) - start) // PIECE_BYTES)
    with part.open("ab" if start else "wb") as file:
        for piece in reported(_pieces(response), count, f"{entry.file}, MiB"):
            received += len(piece)
            if received > entry.max_bytes:
                raise ValueError(f"{shown(entry.url)}: gives more than max_bytes, {entry.max_bytes}")
            file.write(piece)
    if total is not None and received != total:
        raise ConnectionError(f"{received} of {total} bytes came")


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield a response's bytes, about PIECE_BYTES at a time.  Raises TimeoutError when a stretch brings too few."""
    piece, came, began = bytearray(), 0, time.monotonic()
    while some := response.read1(PIECE_BYTES):
        piece += some
        came += len(some)
        passed_s = time.monotonic() - began
        if passed_s > TIMEOUT_S:
            if came < LEAST_BYTES_PER_S * passed_s:
                raise TimeoutError(f"{came} bytes in {passed_s:.0f} s")
            came, began = 0, time.monotonic()
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
