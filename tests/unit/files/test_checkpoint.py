"""The digest of a checkpoint follows from the files that its patterns name, and from nothing else."""

import hashlib
import json
from pathlib import Path

from umui.files.checkpoint import checkpoint_digest


def test_a_checkpoint_is_the_names_and_bytes_of_the_files_that_patterns_name(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer_config.json", "model.safetensors", "README.md"):
        (tmp_path / name).write_text(name)
    (tmp_path / "old_tokens").mkdir()
    named = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("config.json", "tokenizer_config.json")}
    as_json = json.dumps(named, sort_keys=True, separators=(",", ":"))
    expected = hashlib.sha256(as_json.encode()).hexdigest()
    assert checkpoint_digest(tmp_path, ["*config.json", "*token*"]) == expected, "a file that two patterns name is one"
    assert checkpoint_digest(tmp_path, ["*.json"]) == expected
    assert checkpoint_digest(tmp_path, ["*.json", "*.safetensors"]) != expected
    (tmp_path / "README.md").write_text("another card")
    assert checkpoint_digest(tmp_path, ["*.json"]) == expected
