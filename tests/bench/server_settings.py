"""Which settings of the teacher's server answer our requests fastest: each against those of config.yaml.

    PYTHONPATH=workflow TEACHER_PYTHON tests/bench/server_settings.py --results results

Takes items, evidence and the tiny teacher of a finished run.  A server is started for each setting, in turn, and asked
about the same premises, each of which it has not seen before; the last is that of config.yaml again, which says how
far apart two measurements of the same are.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from bench import compared, machine, parser, record
from teacher import ROOT, Bench, premises_in_turn

from umui import config
from umui.tables import MODALITIES
from umui.teacher.server import serving

CHANGES: dict[str, dict[str, Any]] = {
    "max_num_seqs=16": {"max_num_seqs": 16},
    "max_num_seqs=64": {"max_num_seqs": 64},
    "max_num_seqs=256": {"max_num_seqs": 256},
    "block_size=16": {"block_size": 16},
    "block_size=128": {"block_size": 128},
    "arguments=--no-enable-prefix-caching": {"arguments": ["--no-enable-prefix-caching"]},
    "arguments=--mm-processor-cache-gb 0": {"arguments": ["--mm-processor-cache-gb", "0"]},
    "none": {},
}


def rates(bench: Bench, server: config.Server, rounds: list[list[str]]) -> list[float]:
    """Return the votes a second of each round of premises but the first, which warms the server up."""
    log = bench.work / "server.log"
    with serving(server, bench.media, list(MODALITIES), "bench", bench.model, None, 0, 1, log) as address:
        os.environ["BENCH_KEY"] = address.key
        return [bench.ours(address, bench.items_of(premises)) for premises in rounds][1:]


def main() -> None:
    """Measure each setting."""
    arguments = parser(__doc__, repeats=3)
    arguments.add_argument("--results", type=Path, default=Path("results"), help="of a finished run of config.yaml")
    arguments.add_argument("--premises", type=int, default=8, help="of each modality, in a measurement (default: 8)")
    chosen = arguments.parse_args()
    section = yaml.safe_load((ROOT / "config.yaml").read_text())
    media = config.Media.model_validate(section["media"])
    settings = config.Judge.model_validate(section["teachers"]["tiny-teacher"] | {"splits": ["test"]})
    there = premises_in_turn(chosen.results, MODALITIES)
    rounds = [[name for _ in range(chosen.premises) for name in next(there)] for _ in range(chosen.repeats + 1)]
    print(machine())
    with TemporaryDirectory(prefix="umui-bench-") as directory:
        bench = Bench(settings, media, chosen.results, Path(directory))
        usual = rates(bench, settings.server, rounds)
        rows = []
        for change, update in CHANGES.items():
            changed = rates(bench, settings.server.model_copy(update=update), rounds)
            pairs = zip(changed, usual, strict=True)
            rows.append(compared("teacher", f"changed={change}", "votes/s", pairs, "config.yaml", better="higher"))
    record(chosen.output, rows)


if __name__ == "__main__":
    main()
