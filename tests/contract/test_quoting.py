"""Paths of the configuration in shell lines: whatever characters they have, they are words and no commands."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from dry_runs import plan

from umui.files.parquet import read_rows
from umui.tables import ITEMS

ODD = 'My Drive (1)/it\'s "q" $(touch PWNED); `touch PWNED` & *?[b] #~!\\'
PAIRS = "premise,hypothesis\np1,h\np2,h\n"
UNLI = "id,pre,hyp,nli,unli\n1,p,h,0,0.5\n"
NO_MODELS = {
    "teachers": {"tiny-teacher": None},
    "baselines": {"tiny-base": None, "tiny-base-binary": None},
    "labels": {"1-vote": None, "5-max": None, "5-mean": None},
    "students": dict.fromkeys(["clue-d", "clue-t", "ratio-1", "ratio-0.5", "mixed", "ratio-1-t", "ratio-0.5-t"]),
    "models": {"tiny-teacher": None, "tiny-base": None},
    "ablations": [],
}


def overlay(directory: Path, **changes: Any) -> str:
    path = directory / "odd.yaml"
    path.write_text(yaml.safe_dump(changes))
    return str(path)


def odd_files(directory: Path) -> dict[str, Any]:
    """Return entries of data sets whose every path is odd, with their files."""
    clotho = 'Audio file,Caption,Entailment,Neutral,Contradiction\n"a.wav","[\'c\']",e,n,c\n'
    files = {
        "pairs.csv": PAIRS,
        "unli/train.csv": UNLI,
        "unli/dev.csv": UNLI,
        "cle/clotho_entailment_development.csv": clotho,
        "cle/clotho_entailment_validation.csv": clotho,
        "final.json": "{}",
        "annotation.json": "[]",
        "votes.json": "{}",
        "model/config.json": "{}",
        "ffmpeg": "#!/bin/sh\n",
    }
    for name, text in files.items():
        path = directory / ODD / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (directory / ODD / "ffmpeg").chmod(0o755)
    at = f"{directory}/{ODD}"
    return {
        "mine": {"kind": "manifest", "file": f"{at}/pairs.csv"},
        "unli": {"kind": "unli", "directory": f"{at}/unli", "test_split": "validation"},
        "sounds": {
            "kind": "clotho", "annotations": f"{at}/cle", "audio": f"{at}/audio", "premise": "sound", "caption": None,
            "neutral": "drop", "test_split": "validation",
        },
        "wikivideo": {
            "kind": "wikivideo", "annotations": f"{at}/final.json", "videos": f"{at}/v", "audios": f"{at}/a",
            "judgments": f"{at}/annotation.json", "modalities": ["video"], "label_rule": "published",
            "test_events": [], "negatives": [],
        },
    }  # fmt: skip


def words_with(planned: str, part: str) -> list[list[str]]:
    """Return the words of each planned shell line that names `part`, as a shell would part them."""
    commands = [text.partition("\n[")[0] for text in planned.split("\nShell command:")[1:]]
    return [shlex.split(command.partition(" 2>")[0].replace("\\\n", " ")) for command in commands if part in command]


def test_every_path_of_the_configuration_is_a_word(clone: Path, tmp_path: Path) -> None:
    datasets, at = odd_files(tmp_path), f"{tmp_path}/{ODD}"
    imported = {
        "title": "Published", "dataset": "wikivideo", "modalities": ["video"], "splits": ["test"], "form": "scalar",
        "files": [f"{at}/votes.json"], "thinking": False, "votes": 1,
    }  # fmt: skip
    models = {"tiny-teacher": {"tiny": None, "path": f"{at}/model"}, "tiny-base": {"tiny": None, "path": f"{at}/model"}}
    config = overlay(
        tmp_path, datasets=datasets, models=models, imported_teachers={"published": imported},
        media={"ffmpeg": f"{at}/ffmpeg"},
    )  # fmt: skip
    result = plan(clone, "all", "--printshellcmds", "--configfile", config)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    lines = words_with(result.stdout, "PWNED")
    stages = {words[words.index("umui.cli") + 1] for words in lines if "umui.cli" in words}
    assert stages >= {"import-items", "import-votes", "extract-evidence", "ask", "train-student", "predict"}
    for word in (word for words in lines for word in words):
        assert "PWNED" not in word or at in word or json.dumps(at)[1:-1] in word, "half a path"
    named = {word.removeprefix(at) for words in lines for word in words if word.startswith(at)}
    expected = {
        "/pairs.csv", "/unli/train.csv", "/unli/dev.csv", "/cle/clotho_entailment_development.csv", "/final.json",
        "/annotation.json", "/votes.json", "/model", "/ffmpeg",
    }  # fmt: skip
    assert named >= expected


def test_items_are_made_of_files_with_such_paths(clone: Path, tmp_path: Path) -> None:
    datasets = odd_files(tmp_path)
    config = overlay(tmp_path, **NO_MODELS, datasets={"urn": None, "mine": datasets["mine"]})
    items = "results/items/mine/items.parquet"
    command = [sys.executable, "-m", "snakemake", "--cores", "1", items, "--configfile", config]
    result = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert len(read_rows(clone / items, ITEMS)) == 2
    assert not list(clone.rglob("PWNED"))
    assert not [path for path in tmp_path.rglob("PWNED") if path.is_file()]
