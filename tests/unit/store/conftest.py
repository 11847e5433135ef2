"""A store, clones that use it, and an S3 server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from store_clone import Clone


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store in a directory, open for writing."""
    monkeypatch.setenv("UMUI_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("UMUI_STORE_ACCESS", "write")
    return tmp_path / "store"


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: Path) -> Clone:
    """A clone that has run the job and stored its result."""
    clone = Clone(tmp_path / "one", monkeypatch)
    assert clone.run() == 1
    return clone


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: Clone) -> Clone:
    """A second clone, at another path."""
    (tmp_path / "another").mkdir()
    return Clone(tmp_path / "another" / "two", monkeypatch)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server on the loopback interface."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A fresh bucket, and a prefix in it."""
    from pyarrow import fs

    variables = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    for name, value in {**variables, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{abs(hash(tmp_path)) % 10**9}"
    made = fs.S3FileSystem(endpoint_override=endpoint.removeprefix("http://"), scheme="http",
                           allow_bucket_creation=True)  # fmt: skip
    made.create_dir(name)
    return f"s3://{name}/some/prefix"
