"""Downloads: what is not what it should be never takes a file's place, and a second one must equal the first."""

import hashlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from umui.datasets.download import fetch
from umui.datasets.download.fetch import SCHEMES, download, entries

BODY = b"id,pre,hyp,nli,unli\n" * 1000


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers by path, from the server's `answers`: status, headers and body, of which the asked range is given."""

    def do_GET(self) -> None:
        status, headers, body = self.server.answers[self.path]  # type: ignore[attr-defined]
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.server.asked.append((self.path, start))  # type: ignore[attr-defined]
        status = 206 if start and status == 200 else status
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body) - start)} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[start:])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Place:
    """A working directory with a downloads file, and a server on loopback."""

    def __init__(self, directory: Path, server: Any) -> None:
        self.file = directory / "data/a.csv"
        self.part = directory / "data/.a.csv.part"
        self.lock = directory / "data/downloads/a.lock.yaml"
        self.receipt = directory / "data/downloads/a.json"
        self.server, self.downloads = server, directory / "downloads.yaml"
        self.root = f"http://127.0.0.1:{server.server_port}"
        self.answer("/a", BODY)

    def answer(self, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        self.server.answers[path] = status, {key.replace("_", "-"): value for key, value in headers.items()}, body

    def fetch(self, **given: Any) -> None:
        entry = {
            "url": f"{self.root}/a",
            "file": "data/a.csv",
            "digest": None,
            "bytes": None,
            "max_bytes": 10**6,
        } | given
        self.downloads.write_text(yaml.safe_dump({"a": [entry]}))
        download(self.downloads, "a", self.lock, self.receipt, schemes={"http"})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.answers, server.asked = {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Place(tmp_path, server)
    server.shutdown()
    server.server_close()


def sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_a_first_download_is_trusted_and_a_later_one_must_equal_it(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.fetch()
    assert place.file.read_bytes() == BODY
    assert "no digest is published" in capsys.readouterr().err
    locked = {"sha256": hashlib.sha256(BODY).hexdigest(), "bytes": len(BODY)}
    assert yaml.safe_load(place.lock.read_text()) == {f"{place.root}/a": locked}
    assert json.loads(place.receipt.read_text()) == {f"{place.root}/a": locked}
    place.file.unlink()
    place.receipt.unlink()
    place.answer("/a", BODY.replace(b"nli", b"NLI"))
    with pytest.raises(ValueError, match="if it is the published file that has changed"):
        place.fetch()
    assert not place.file.exists()
    assert not place.receipt.exists()
    place.answer("/a", BODY)
    place.fetch()
    place.fetch()
    assert len(place.server.asked) == 3, "what is there with the known digest is not asked for"


@pytest.mark.parametrize("digest", [sha256(BODY), f"md5:{hashlib.md5(BODY).hexdigest()}"])
def test_a_stated_digest_is_checked(place: Place, digest: str) -> None:
    place.answer("/a", BODY[:-1] + b"\r")
    with pytest.raises(ValueError, match=f"where {digest.partition(':')[2]} was expected"):
        place.fetch(digest=digest)
    assert not place.file.exists()
    assert not place.part.exists()
    place.answer("/a", BODY)
    place.fetch(digest=digest)
    assert place.file.read_bytes() == BODY
    assert yaml.safe_load(place.lock.read_text())[f"{place.root}/a"]["sha256"] == hashlib.sha256(BODY).hexdigest()


def test_a_file_of_another_origin_is_neither_trusted_nor_overwritten(place: Place) -> None:
    place.file.parent.mkdir(parents=True)
    place.file.write_bytes(b"mine")
    with pytest.raises(ValueError, match="nothing says whether it is what"):
        place.fetch()
    with pytest.raises(ValueError, match="was expected of"):
        place.fetch(digest=sha256(BODY))
    assert place.file.read_bytes() == b"mine"
    assert not place.server.asked


def test_a_size_that_is_known_is_checked_where_no_digest_is(place: Place) -> None:
    with pytest.raises(ValueError, match=f"{len(BODY)} bytes, where 7 were expected"):
        place.fetch(bytes=7)
    assert not place.file.exists()


def test_more_than_allowed_is_refused_announced_or_not(place: Place) -> None:
    with pytest.raises(ValueError, match="announces 20000 bytes, where max_bytes is 100"):
        place.fetch(max_bytes=100)
    chunk = b"%x\r\n%s\r\n" % (len(BODY), BODY)
    place.answer("/a", chunk * 3 + b"0\r\n\r\n", Transfer_Encoding="chunked", Content_Length="")
    with pytest.raises(ValueError, match="gives more than max_bytes, 30000"):
        place.fetch(max_bytes=30000)
    assert not place.file.exists()
    assert not place.part.exists()


def test_a_cut_connection_goes_on_where_the_digest_tells_versions_apart(place: Place) -> None:
    place.answer("/a", BODY[:7000], Content_Length=str(len(BODY)))
    with pytest.raises(ConnectionError, match="7000 of 20000 bytes came; run again"):
        place.fetch(digest=sha256(BODY))
    assert not place.file.exists()
    place.answer("/a", BODY)
    place.fetch(digest=sha256(BODY))
    assert place.file.read_bytes() == BODY
    assert place.server.asked == [("/a", 0), ("/a", 7000)]


def test_without_a_digest_a_cut_download_starts_anew(place: Place) -> None:
    place.part.parent.mkdir(parents=True)
    place.part.write_bytes(b"of another version")
    place.fetch()
    assert place.file.read_bytes() == BODY
    assert place.server.asked == [("/a", 0)]


def test_a_rest_that_does_not_fit_starts_anew_when_run_again(place: Place) -> None:
    place.part.parent.mkdir(parents=True)
    place.part.write_bytes(b"x" * 30000)
    place.answer("/a", b"", status=416)
    with pytest.raises(ConnectionError, match="HTTP 416"):
        place.fetch(digest=sha256(BODY))
    place.answer("/a", BODY)
    place.fetch(digest=sha256(BODY))
    assert place.file.read_bytes() == BODY


def test_redirects_are_followed_within_the_scheme_alone(place: Place) -> None:
    place.answer("/b", BODY)
    place.answer("/a", b"", status=302, Location="/b")
    place.fetch()
    assert place.file.read_bytes() == BODY
    place.file.unlink()
    place.lock.unlink()
    for elsewhere in ("ftp://127.0.0.1/a", "file:///etc/hostname", "https://127.0.0.1/a"):
        place.answer("/a", b"", status=302, Location=elsewhere)
        with pytest.raises((ValueError, ConnectionError), match=r"only http is fetched|is not allowed"):
            place.fetch()
    assert not place.file.exists()


def test_a_missing_page_and_a_silent_host_are_one_line_each(place: Place) -> None:
    place.answer("/a", b"", status=404)
    with pytest.raises(ConnectionError, match=r"/a: HTTP 404, Not Found; run again, or put the file in place"):
        place.fetch()
    with pytest.raises(ConnectionError, match=r"refused.*; run again, or put data/a.csv in place by hand"):
        place.fetch(url="http://127.0.0.1:1/a")


def test_faulty_entries_are_named(place: Place) -> None:
    for given, said in (
        ({"file": "../outside.csv"}, "give a path below data/"),
        ({"file": "data/../../outside.csv"}, "give a path below data/"),
        ({"digest": "sha256:1234"}, "String should match pattern"),
    ):
        with pytest.raises(ValueError, match=said):
            place.fetch(**given)
    with pytest.raises(ValueError, match="no such entry; there are a"):
        entries(place.downloads, "b")


def test_what_the_repository_would_fetch_is_well_formed() -> None:
    downloads = Path(__file__).parents[3] / "data/downloads.yaml"
    assert list(SCHEMES) == ["https"]
    for name in yaml.safe_load(downloads.read_text()):
        for entry in entries(downloads, name):
            assert entry.url.startswith("https://"), name
            assert entry.bytes is None or entry.bytes <= entry.max_bytes, name


class Slow(http.server.BaseHTTPRequestHandler):
    """Sends single bytes without end: of a body, of headers, or interim answers."""

    def do_GET(self) -> None:
        pieces = {"/body": b"x", "/headers": b"X", "/continue": b"HTTP/1.1 100 Continue\r\n\r\n"}
        try:
            if self.path == "/body":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while True:
                self.wfile.write(pieces[self.path])
                self.wfile.flush()
                threading.Event().wait(0.05)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize("path", ["/body", "/headers", "/continue"])
def test_a_server_that_never_ends_is_left(place: Place, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT_S", 0.4)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    began = time.monotonic()
    with pytest.raises(ConnectionError, match=r"(bytes in|no answer in).*; run again"):
        place.fetch(url=f"http://127.0.0.1:{server.server_port}{path}")
    assert time.monotonic() - began < 5
    assert not place.file.exists()
    server.shutdown()
    server.server_close()


def test_a_password_goes_to_its_host_and_is_kept_nowhere(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    url = place.root.replace("http://", "http://me:geheim%40word@") + "/a"
    place.fetch(url=url)
    assert place.file.read_bytes() == BODY
    kept = capsys.readouterr().err + place.lock.read_text() + place.receipt.read_text()
    assert "geheim" not in kept
    assert list(yaml.safe_load(place.lock.read_text())) == [f"{place.root}/a"]
    place.file.unlink()
    for answer in ({"status": 500}, {"status": 302, "Location": "ftp://me:geheim@b.c/"}, {"body": b"other"}):
        place.answer("/a", **({"body": BODY} | answer))
        with pytest.raises((ConnectionError, ValueError)) as raised:
            place.fetch(url=url)
        assert "geheim" not in str(raised.value)
    with pytest.raises(ConnectionError) as raised:
        place.fetch(url="http://me:geheim@127.0.0.1:1/a")
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://a.b/c?download=1", "https://a.b/c?download=1"),
        ("https://me:word@a.b/c?x=1&api_key=word&y=2#word", "https://a.b/c?x=1&api_key=...&y=2"),
        ("https://a.b/c?X-Amz-Signature=word", "https://a.b/c?X-Amz-Signature=..."),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, said: str) -> None:
    assert fetch.shown(url) == said
