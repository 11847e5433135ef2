"""Which settings of the teacher's server and client answer fastest: each against those of config.yaml.

    PYTHONPATH=workflow TEACHER_PYTHON tests/bench/server_settings.py --results results

Takes items, evidence and the tiny teacher of a finished run.  For each change a server with it and one of config.yaml
run side by side, and are asked in turn about the same premises, which neither has seen before.  The change `none` says
how far apart two measurements of the same are.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from bench import compared, machine, parser, record
from teacher import ROOT, Bench, premises_in_turn

from umui.asking.server import Address, serving
from umui.config.judges import Judge
from umui.config.models import Media
from umui.tables import MODALITIES

CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "none": {},
    "concurrency=16": {"client": {"concurrency": 16}},
    "concurrency=32": {"client": {"concurrency": 32}},
    "concurrency=128": {"client": {"concurrency": 128}},
    "max_num_seqs=64": {"server": {"max_num_seqs": 64}},
    "max_num_seqs=256": {"server": {"max_num_seqs": 256}},
    "block_size=64": {"server": {"block_size": 64}},
    "block_size=128": {"server": {"block_size": 128}},
    "arguments=--no-enable-prefix-caching": {"server": {"arguments": ["--no-enable-prefix-caching"]}},
    "arguments=--mm-processor-cache-gb 0": {"server": {"arguments": ["--mm-processor-cache-gb", "0"]}},
}


def changed(settings: Judge, change: dict[str, dict[str, Any]]) -> Judge:
    """Return the settings with the change."""
    sections = {name: getattr(settings, name).model_copy(update=update) for name, update in change.items()}
    return settings.model_copy(update=sections)


class Server:
    """A running server that is asked with its own settings."""

    def __init__(self, bench: Bench, address: Address) -> None:
        self.bench, self.address = bench, address

    def rate(self, premises: list[str]) -> float:
        """Return the votes a second on these premises."""
        os.environ["BENCH_KEY"] = self.address.key
        return self.bench.ours(self.address, self.bench.items_of(premises))


@contextmanager
def running(settings: Judge, media: Media, results: Path, warm_up: list[str]) -> Iterator[Server]:
    """Run a server that has answered once."""
    with TemporaryDirectory(prefix="umui-bench-") as directory:
        bench = Bench(settings, media, results, Path(directory))
        log = bench.work / "server.log"
        with serving(settings.server, media, list(MODALITIES), "bench", bench.model, None, 0, 1, log) as address:
            server = Server(bench, address)
            server.rate(warm_up)
            yield server


def main() -> None:
    """Measure each change."""
    arguments = parser(__doc__, repeats=3)
    arguments.add_argument("--results", type=Path, default=Path("results"), help="of a finished run of config.yaml")
    arguments.add_argument("--premises", type=int, default=6, help="of each modality, in a measurement (default: 6)")
    arguments.add_argument("--changes", nargs="+", choices=CHANGES, default=list(CHANGES), metavar="CHANGE")
    chosen = arguments.parse_args()
    section = yaml.safe_load((ROOT / "config.yaml").read_text())
    media = Media.model_validate(section["media"])
    settings = Judge.model_validate(section["teachers"]["tiny-teacher"] | {"splits": ["test"]})
    there = premises_in_turn(chosen.results, MODALITIES)
    warm_up = next(there)
    rounds = [[name for _ in range(chosen.premises) for name in next(there)] for _ in range(chosen.repeats)]
    print(machine())
    for name in chosen.changes:
        with (
            running(changed(settings, CHANGES[name]), media, chosen.results, warm_up) as other,
            running(settings, media, chosen.results, warm_up) as usual,
        ):
            pairs = [(other.rate(premises), usual.rate(premises)) for premises in rounds]
        row = compared("teacher", f"changed={name}", "votes/s", pairs, "config.yaml", better="higher")
        record(chosen.output, [row])


if __name__ == "__main__":
    main()
