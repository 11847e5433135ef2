"""Lines that no journal of ours has: mangled by a seed, from a whole one."""

import json
import random
from typing import Any

WRONG: tuple[Any, ...] = (7, -1, 10**30, 1.5, True, "7", [], {}, {"a": []}, float("nan"), float("inf"))


def mangled(line: bytes, seed: int) -> bytes:
    """Return a line that is no answer: cut, flipped, of another type somewhere, or with other names."""
    chance = random.Random(seed)
    answer = json.loads(line)
    way = chance.randrange(5)
    if way == 0:
        return line[: chance.randrange(1, len(line) - 2)] + b"\n"
    if way == 1:
        bodies = [b"[]", b"null", b"7", b"{}", b"[" * 50_000, b"\0" * 40, b"\xff\xfe", b'"\\ud83d"']
        return chance.choice(bodies) + b"\n"
    if way == 2:
        return json.dumps({name: value for name, value in answer.items() if name != "vote"}).encode() + b"\n"
    if way == 3:
        return json.dumps(answer | {"stranger": 1}).encode() + b"\n"
    name = chance.choice(["text", "reasoning", "finish_reason", "prompt_tokens", "completion_tokens", "asked_at_s"])
    counts = {"prompt_tokens": int, "completion_tokens": int, "asked_at_s": (int, float)}
    wrong = [
        value
        for value in WRONG
        if not isinstance(value, counts.get(name, str)) or isinstance(value, bool) or value in (-1, 10**30)
    ]
    wrong = [value for value in wrong if name != "asked_at_s" or not isinstance(value, int) or value is True]
    return json.dumps(answer | {name: chance.choice(wrong)}).encode() + b"\n"
