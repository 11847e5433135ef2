"""Manifests with good rows and bad ones between them, as a seed chooses."""

import json
import random
from dataclasses import dataclass

BAD_CSV = (  # a line that is no pair, in the columns premise, hypothesis, probability
    'x,"open,0.5', '"open,h,0.5', 'x,h,"', 'x,"h" more,0.5', "x,h", "x,h,0.5,4", ",h,0.5", "x,,0.5", "x,h,maybe",
    "x,h,85 %", "x,h,inf", 'x,"open ""quoted"",0.5', "x,caf\udce9,0.5", "x,h,0;5",
)  # fmt: skip
BAD_JSON = (
    "{", "[]", "5", '"x"', "[" * 5000, '{"premise": "x"}', '{"premise": "x", "hypothesis": 5}',
    '{"premise": "x", "hypothesis": "h", "probability": "85 %"}', '{"premise": "x", "hypothesis": "\\ud800"}',
    '{"premise": "x", "hypothesis": "h", "": 1}', '{"premise": "x", "hypothesis": "h", "\\u001b[2J": 1}',
    '{"premise": "caf\udce9", "hypothesis": "h"}', '{"premise": "x", "hypothesis": "h", "probability": 1e999}',
)  # fmt: skip
TEXTS = ("A dog barks.", "Es regnet, ÿ.", 'She said "no".', "two\nlines", "a\u2028b", "=1+1", "日本語", "NaN")


@dataclass(frozen=True)
class Manifest:
    """A file's bytes, what its good rows say in their order, and how many bad ones it has."""

    data: bytes
    good: list[tuple[str, str, float]]
    n_bad: int


def manifest(seed: int, suffix: str) -> Manifest:
    """Return a manifest of up to a hundred rows, of which some are bad."""
    chance = random.Random(seed)
    lines, good, n_bad = [] if suffix == ".jsonl" else ["premise,hypothesis,probability"], [], 0
    for n in range(chance.randrange(20, 100)):
        if chance.random() < 0.2:
            n_bad += 1
            lines.append(chance.choice(BAD_JSON if suffix == ".jsonl" else BAD_CSV))
            continue
        row = chance.choice(TEXTS), f"{n} {chance.choice(TEXTS)}", round(chance.random(), 3)
        good.append(row)
        if suffix == ".jsonl":
            named = dict(zip(("premise", "hypothesis", "probability"), row, strict=True))
            lines.append(json.dumps(named, ensure_ascii=chance.random() < 0.5))
        else:
            lines.append(",".join('"' + str(value).replace('"', '""') + '"' for value in row))
    end = chance.choice(["\n", "\r\n"])
    lines.append('{"premise": "é", "hypothesis": "h", "probability": 0.5}' if suffix == ".jsonl" else "é,h,0.5")
    good.append(("é", "h", 0.5))
    return Manifest((end.join(lines) + end).encode(errors="surrogateescape"), good, n_bad)
