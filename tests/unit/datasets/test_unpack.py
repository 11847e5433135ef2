"""Archives from elsewhere: plain files below one directory, or nothing at all."""

import io
import re
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hostile import archives

from umui.datasets.download.unpack import unpack

LIMITS: dict[str, Any] = {"max_bytes": 10_000, "max_files": 10}


def zipped(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, *members: tarfile.TarInfo | str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = 3 if info.isreg() else 0
            archive.addfile(info, io.BytesIO(b"abc"))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_directory_that_holds_all_is_left_off(tmp_path: Path, kind: str) -> None:
    if kind == "zip":
        archive = zipped(tmp_path / "a.zip", **{"u-snli/train.csv": b"abc", "u-snli/more/dev.csv": b"abc"})
    else:
        archive = tarred(tmp_path / "a.tar.gz", "u-snli/train.csv", "u-snli/more/dev.csv")
    unpack(archive, tmp_path / "unli", **LIMITS)
    assert files_below(tmp_path / "unli") == ["more/dev.csv", "train.csv"]
    assert (tmp_path / "unli/train.csv").read_bytes() == b"abc"
    unpack(tarred(tmp_path / "two.tgz", "a.csv", "b/c.csv"), tmp_path / "two", **LIMITS)
    assert files_below(tmp_path / "two") == ["a.csv", "b/c.csv"]


@pytest.mark.parametrize("name", ["../out.csv", "/tmp/out.csv", "a/../../out.csv", "..\\out.csv"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    for archive in (
        zipped(tmp_path / "a.zip", **{"good.csv": b"a", name: b"b"}),
        tarred(tmp_path / "a.tgz", "g", name),
    ):
        with pytest.raises(ValueError, match="leads out of the archive"):
            unpack(archive, tmp_path / "into/here", **LIMITS)
        assert files_below(tmp_path / "into") == [], "not even the good one"
        assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    "member",
    [
        special("link", tarfile.SYMTYPE, "/etc/passwd"),
        special("link", tarfile.LNKTYPE, "good.csv"),
        special("device", tarfile.CHRTYPE),
        special("pipe", tarfile.FIFOTYPE),
    ],
    ids=["symlink", "hardlink", "device", "pipe"],
)
def test_links_and_devices_are_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    archive = tarred(tmp_path / "a.tar.gz", "good.csv", member)
    with pytest.raises(ValueError, match="is a link or a device"):
        unpack(archive, tmp_path / "into", **LIMITS)
    assert not (tmp_path / "into").exists()


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ValueError, match="link is a link"):
        unpack(tmp_path / "a.zip", tmp_path / "into", **LIMITS)


def test_bombs_are_refused_before_they_are_written(tmp_path: Path) -> None:
    big = zipped(tmp_path / "a.zip", zeros=bytes(10**7))
    assert big.stat().st_size < 20_000, "small until it is unpacked"
    many = tarred(tmp_path / "many.tgz", *(f"{n}.csv" for n in range(11)))
    for archive in (big, many):
        with pytest.raises(ValueError, match="more than 10 files or 10000 bytes"):
            unpack(archive, tmp_path / "into", **LIMITS)
        assert not (tmp_path / "into").exists()


def test_a_zip_that_says_less_than_it_holds_is_damaged(tmp_path: Path) -> None:
    """The sizes in its directory are what the limits are checked against."""
    data = bytearray(zipped(tmp_path / "a.zip", zeros=bytes(50_000)).read_bytes())
    size = (50_000).to_bytes(4, "little")
    while (place := data.find(size)) >= 0:
        data[place : place + 4] = (5).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        unpack(tmp_path / "a.zip", tmp_path / "into", **LIMITS)
    assert not (tmp_path / "into").exists()


def test_a_cut_archive_and_another_kind_leave_nothing(tmp_path: Path) -> None:
    whole = tarred(tmp_path / "a.tar.gz", *(f"{n}.csv" for n in range(9))).read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "a.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100))
    for name, said in (("cut.tar.gz", "damaged|neither a zip nor a tar"), ("a.7z", "neither a zip nor a tar archive")):
        with pytest.raises(ValueError, match=said):
            unpack(tmp_path / name, tmp_path / "into", **LIMITS)
        assert not list(tmp_path.glob("*into*"))


@pytest.mark.parametrize("seed", range(5))
def test_damage_is_refused_or_does_no_harm(tmp_path: Path, seed: int) -> None:
    """A bit that is flipped in the data of a plain tar is beyond it: it has no checksum of these."""
    expected = {Path(name).name: content for name, content in archives.files(seed).items()}
    for name, data in archives.damaged(seed):
        (tmp_path / name).write_bytes(data)
        into = tmp_path / "into" / name
        refused = ""
        try:
            unpack(tmp_path / name, into, max_bytes=10**6, max_files=10)
        except ValueError as error:
            refused = str(error)
        found = {path.name: path.read_bytes() for path in into.rglob("*") if path.is_file()}
        assert found == ({} if refused else expected), name
        assert not refused or refused.startswith(f"{tmp_path / name}: ")


@pytest.mark.parametrize(
    ("name", "data"), list(archives.impossible()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_no_archive_should_hold_is_an_error_that_names_it(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path / name}: ")):
        unpack(tmp_path / name, tmp_path / "into", max_bytes=10**6, max_files=10)
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("name", archives.COMPRESSED)
def test_whole_archives_of_all_compressions_are_unpacked(tmp_path: Path, name: str) -> None:
    members = archives.files(0)
    (tmp_path / name).write_bytes(archives.COMPRESSED[name](archives.tar(members)))
    unpack(tmp_path / name, tmp_path / "into", max_bytes=10**6, max_files=10)
    assert {f"set/{path.name}": path.read_bytes() for path in (tmp_path / "into").iterdir()} == members
