"""Features that are kept on disk change no byte of a result, and nothing broken is believed."""

import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from student_world import MEDIA, contents, predict, premises_of, run, student_settings

from umui.backbone import premise_reader
from umui.backbone.encoding import Encoder
from umui.backbone.feature_cache import FeatureCache
from umui.backbone.omni import Omni
from umui.backbone.premise_reader import PremiseReader, shelf
from umui.evidence.decoded import Evidence

KEY, OTHER = "ab" + "0" * 62, "cd" + "0" * 62
BIG = 10**9


def store(cache: FeatureCache, key: str, *values: float) -> bool:
    kept = cache.store(key, {"features": torch.tensor(values), "half": torch.ones(3, dtype=torch.bfloat16)})
    cache.close()
    return kept


def test_what_is_stored_is_loaded_by_others(tmp_path: Path) -> None:
    store(FeatureCache(tmp_path, BIG), KEY, 1.0, 2.5)
    found = FeatureCache(tmp_path, BIG).load(KEY)
    assert found is not None
    assert found["features"].tolist() == [1.0, 2.5]
    assert found["half"].dtype == torch.bfloat16
    assert FeatureCache(tmp_path, BIG).load(OTHER) is None


@pytest.mark.parametrize("damage", ["cut", "changed", "swapped"])
def test_a_damaged_shard_is_removed(damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(FeatureCache(tmp_path, BIG), KEY, 1.0, 2.5)
    (path,) = tmp_path.glob("*/*.safetensors")
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[-4:]
    elif damage == "changed":
        data[-1] ^= 1
    else:
        data[-8:] = data[-4:] + data[-8:-4]
    path.write_bytes(data)
    assert FeatureCache(tmp_path, BIG).load(KEY) is None
    assert str(path) in capsys.readouterr().out
    assert not path.exists()


def test_the_disk_is_bounded_and_what_nobody_used_goes_first(tmp_path: Path) -> None:
    values = [0.0] * 1000  # 4,006 bytes
    first = FeatureCache(tmp_path, BIG)
    keys = [f"{number:02d}" + "0" * 62 for number in range(4)]
    for key in keys[:3]:
        assert store(first, key, *values)
    for age, key in enumerate(keys[:3]):
        os.utime(tmp_path / key[:2] / f"{key}.safetensors", (time.time() - 1000 + age,) * 2)
    later = FeatureCache(tmp_path, 13_500)  # three shards of about 4,200 bytes
    assert later.load(keys[0]) is not None
    assert store(later, keys[3], *values)
    assert [key for key in keys if later.load(key)] == [keys[0], keys[2], keys[3]]
    full = FeatureCache(tmp_path, 13_500)
    for key in keys:
        full.load(key)
    assert not store(full, OTHER, *values), "all of it is in use"
    assert full.load(keys[0]) is not None


def test_what_a_kill_left_goes_after_an_hour(tmp_path: Path) -> None:
    store(FeatureCache(tmp_path, BIG), KEY, 1.0)
    old, new = tmp_path / "ab" / "old.part", tmp_path / "ab" / "new.part"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    FeatureCache(tmp_path, BIG)
    assert not old.exists()
    assert new.exists()


def test_killed_writers_beside_each_other_leave_nothing_broken(tmp_path: Path) -> None:
    def write_for_ever() -> None:
        cache, number = FeatureCache(tmp_path, BIG), 0
        while True:
            key = f"{number % 100:02d}" + "0" * 62
            store(cache, key, *[float(number % 100)] * 20_000)
            number += 1

    for _ in range(3):
        writers = [multiprocessing.get_context("fork").Process(target=write_for_ever) for _ in range(2)]
        for writer in writers:
            writer.start()
        time.sleep(0.3)
        for writer in writers:
            writer.kill()
            writer.join()
    paths = list(tmp_path.glob("*/*.safetensors"))
    reader = FeatureCache(tmp_path, BIG)
    assert len(paths) > 5
    for path in paths:
        found = reader.load(path.stem)
        assert found is not None
        assert set(found["features"].tolist()) == {float(path.stem[:2])}


def test_a_disk_that_cannot_be_written_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = FeatureCache(tmp_path, BIG)
    (tmp_path / KEY[:2]).write_text("a file where a directory should be")
    store(cache, KEY, 1.0)
    assert "further features are not kept" in capsys.readouterr().out
    assert not store(cache, OTHER, 1.0)


def test_training_and_prediction_give_the_same_bytes_and_run_no_tower_twice(
    base: Path, world: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, computed = student_settings(), []
    original = premise_reader.tower_features

    def counted(thinker: Any, premises: Any) -> Any:
        computed.extend(premise for premise in premises if premise.modality != "text")
        return original(thinker, premises)

    monkeypatch.setattr(premise_reader, "tower_features", counted)
    kept = {"features": tmp_path / "features", "features_mb": 100}
    without = contents(run(settings, base, world, tmp_path / "without"))
    assert computed
    computed.clear()
    assert contents(run(settings, base, world, tmp_path / "first", **kept)) == without
    assert len(computed) == len({premise.premise_id for premise in computed}) > 0
    computed.clear()
    student = run(settings, base, world, tmp_path / "second", **kept)
    assert contents(student) == without
    assert not computed
    given = {"splits": ["train", "test"], "workers": 1}
    rows = predict(student, base, world, tmp_path / "plain", settings, **given)
    predict(student, base, world, tmp_path / "filling", settings, **given, **kept)
    computed.clear()
    assert predict(student, base, world, tmp_path / "mapped", settings, **given, **kept) == rows
    assert (tmp_path / "mapped").read_bytes() == (tmp_path / "plain").read_bytes()
    assert not computed


def test_towers_that_train_are_never_remembered(model: Omni, world: dict[str, Path], tmp_path: Path) -> None:
    encoder = Encoder(model, "claim-v1", MEDIA, Evidence.read([world["evidence"]]))
    (premise,) = premises_of(world, "audiovisual")[:1]
    with shelf(tmp_path, 100, "base", MEDIA, model.thinker) as kept:
        reader = PremiseReader(encoder, model.thinker, kept)
        _, ((frames, sound),) = reader.read([premise])
        assert frames is not None
        assert sound is not None
        assert frames.requires_grad
        assert sound.requires_grad
        with torch.no_grad():
            model.thinker.model.visual.merger.mlp[0].bias.add_(1)
        _, ((changed, _),) = reader.read([premise])
        assert not torch.equal(frames, changed)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_another_base_or_precision_shares_nothing(model: Omni, world: dict[str, Path], tmp_path: Path) -> None:
    encoder = Encoder(model, "claim-v1", MEDIA, Evidence.read([world["evidence"]]))
    (premise,) = premises_of(world, "video")[:1]
    model.thinker.requires_grad_(False)
    for number, base in enumerate(["one base", "another"], start=1):
        with shelf(tmp_path, 100, base, MEDIA, model.thinker) as kept:
            PremiseReader(encoder, model.thinker, kept).read([premise])
        assert len(list(tmp_path.rglob("*.safetensors"))) == number
    model.thinker.bfloat16()
    with shelf(tmp_path, 100, "another", MEDIA, model.thinker) as kept:
        PremiseReader(encoder, model.thinker, kept).read([premise])
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3
