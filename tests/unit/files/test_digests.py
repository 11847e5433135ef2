"""What follows from digests stays put."""

from umui.files.digests import shard_of


def test_shards_follow_the_medium_and_stay_put() -> None:
    assert shard_of("m", "a", 16) == shard_of("m", "b", 16)
    counts = [0] * 4
    for number in range(4000):
        counts[shard_of(None, f"premise {number}", 4)] += 1
    assert min(counts) > 850
