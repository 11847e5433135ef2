"""A file is written whole or not at all."""

from pathlib import Path

import pytest

from umui.files.atomic import replacing, write_text


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    write_text(file, "old")
    with pytest.raises(FileNotFoundError), replacing(file) as temporary:
        temporary.write_bytes((tmp_path / "no source").read_bytes())
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
