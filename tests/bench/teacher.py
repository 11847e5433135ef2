"""Asking a teacher: ours against a naive client, and against the engine alone on the same prompts.

    PYTHONPATH=workflow TEACHER_PYTHON tests/bench/teacher.py --results results
    PYTHONPATH=workflow TEACHER_PYTHON tests/bench/teacher.py --hidden-size 384 --layers 6

Takes items, evidence and the tiny teacher of a finished run.  A measurement asks about premises that the server or the
engine has not seen, all of their claims side by side.

ours     the whole job but the server's start: planning, asking, journal, tables
naive    a client that sends one request at a time, a vote a request, to the same server
engine   vllm.LLM.chat with the server's settings, its prompts made ready before the clock starts

With other sizes the teacher's decoder has random weights: its answers say nothing and are as long as
they may be.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from bench import compared, machine, parser, record, seconds

from umui.asking.ask import ask_shards
from umui.asking.messages import build
from umui.asking.planning import Question, plan
from umui.asking.server import Address, flags, serving
from umui.asking.usage import usage
from umui.config.judges import Endpoint, Judge
from umui.config.models import Media
from umui.evidence.shelf import EvidenceShelf
from umui.files.parquet import read_table, write_table
from umui.tables import ITEMS, MODALITIES

ROOT = Path(__file__).parents[2]
HEAD_SIZE = 32  # of the tiny teacher
NAIVE, ENGINE = "one request at a time, a vote a request", "the engine alone (vllm.LLM)"


def premises_in_turn(results: Path, modalities: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield one test premise of each modality at a time."""
    items = read_table(sorted(results.glob("items/*/items.parquet")), ITEMS, ["premise_id", "modality", "split"])
    by_modality = [
        sorted({row["premise_id"] for row in items.to_pylist() if (row["modality"], row["split"]) == (kind, "test")})
        for kind in modalities
    ]
    return map(list, zip(*by_modality, strict=False))


class Bench:
    """A running server, the engine beside it, and the ways to ask them about some premises."""

    def __init__(self, settings: Judge, media: Media, results: Path, work: Path) -> None:
        self.settings, self.media, self.results, self.work = settings, media, results, work
        self.model = str(results / "models/tiny-teacher")
        self.evidence = results / "evidence/0.parquet"
        self.rounds = 0
        self.votes, self.client_s = 0, 0.0  # what `ours` has asked for, and the processor's seconds it took itself

    def items_of(self, premises: list[str]) -> Path:
        """Write the items of these premises."""
        path = self.work / f"items-{self.rounds}.parquet"
        self.rounds += 1
        table = read_table(sorted(self.results.glob("items/*/items.parquet")), ITEMS)
        chosen = pa.array([premise in premises for premise in table["premise_id"].to_pylist()])
        write_table(path, ITEMS, table.filter(chosen))
        return path

    def ours(self, address: Address, items: Path) -> float:
        """Ask as a job does; return votes a second."""
        endpoint = Endpoint(url=address.url, model=address.model, key_variable="BENCH_KEY")
        settings = self.settings.model_copy(update={"endpoint": endpoint}).model_dump(mode="json")
        out = self.work / items.stem
        before_s = time.process_time()
        spent = seconds(lambda: ask_shards(
            settings, {}, "bench", self.model, None, self.media, [items], [0], 1, [self.evidence], out / "journal",
            out / "votes.parquet", out / "timings.parquet", out / "usage.json", out / "log", gpus=0, workers=1,
        ))  # fmt: skip
        n_votes = pq.read_metadata(out / "votes.parquet").num_rows
        self.votes, self.client_s = self.votes + n_votes, self.client_s + time.process_time() - before_s
        return n_votes / spent

    def naive(self, address: Address, items: Path) -> float:
        """Ask one vote after the other; return votes a second."""
        import openai

        client, sampling = openai.OpenAI(base_url=address.url, api_key=address.key), self.settings.sampling
        asked = list(self._asked(items))

        def all_votes() -> None:
            for question, messages in asked:
                for vote in range(sampling.votes):
                    client.chat.completions.create(
                        model=address.model,
                        messages=messages,
                        seed=question.seed + vote,
                        temperature=sampling.temperature,
                        top_p=sampling.top_p,
                        max_tokens=sampling.max_tokens,
                    )

        return len(asked) * sampling.votes / seconds(all_votes)

    def engine(self, llm: Any, items: Path) -> float:
        """Have the engine answer all at once; return votes a second."""
        from vllm import SamplingParams

        asked, sampling = list(self._asked(items)), self.settings.sampling
        params = [
            SamplingParams(
                n=sampling.votes, seed=question.seed, temperature=sampling.temperature, top_p=sampling.top_p,
                max_tokens=sampling.max_tokens,
            )
            for question, _ in asked
        ]  # fmt: skip
        spent = seconds(lambda: llm.chat([messages for _, messages in asked], params, use_tqdm=False))
        return len(asked) * sampling.votes / spent

    def _asked(self, items: Path) -> Iterator[tuple[Question, list[dict[str, Any]]]]:
        shelf = EvidenceShelf(self.evidence)
        for question in plan(self.settings, self.model, None, self.media, [items], 0, 1, shelf):
            yield question, build(question.modality, question.words, shelf.take(question.media_id, question.modality))


def resized(hidden_size: int, layers: int) -> list[str]:
    """Return the server's arguments that give the model a decoder of other sizes, with heads as wide as they were."""
    heads = hidden_size // HEAD_SIZE
    decoder = {
        "hidden_size": hidden_size, "intermediate_size": 2 * hidden_size, "num_hidden_layers": layers,
        "layer_types": ["full_attention"] * layers, "num_attention_heads": heads, "num_key_value_heads": heads // 2,
    }  # fmt: skip
    towers = {"audio_config": {"output_dim": hidden_size}, "vision_config": {"out_hidden_size": hidden_size}}
    overrides = {"thinker_config": {"text_config": decoder, **towers}}
    return ["--load-format", "dummy", "--hf-overrides", json.dumps(overrides)]


@contextmanager
def engine_of(model: str, settings: Judge, media: Media, modalities: list[Any]) -> Iterator[Any]:
    """Run the engine with the flags of our server, and as much memory and one thread as it has."""
    os.environ.update(
        VLLM_CPU_KVCACHE_SPACE=f"{settings.server.kv_cache_gib:g}",
        VLLM_CPU_OMP_THREADS_BIND="nobind",
        OMP_NUM_THREADS="1",
        HF_HUB_OFFLINE="1",
    )
    from vllm import LLM, EngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    line = [flag for flag in flags(settings.server, media, modalities) if flag != "--disable-uvicorn-access-log"]
    arguments = EngineArgs.add_cli_args(FlexibleArgumentParser()).parse_args(["--model", model, *line])
    chosen = {name: value for name, value in vars(arguments).items() if value is not None}
    known = EngineArgs.from_cli_args(argparse.Namespace(**{**vars(arguments), **chosen}))
    llm = LLM(**{name: value for name, value in vars(known).items() if value is not None})
    try:
        yield llm
    finally:  # left to the interpreter's exit, it may wait for the engine without end
        llm.llm_engine.engine_core.shutdown()


def main() -> None:
    """Measure in turn."""
    arguments = parser(__doc__, repeats=3)
    arguments.add_argument("--results", type=Path, default=Path("results"), help="of a finished run of config.yaml")
    arguments.add_argument("--premises", type=int, default=8, help="of each modality, in a measurement (default: 8)")
    arguments.add_argument("--against", nargs="+", choices=["engine", "naive"], default=["engine", "naive"])
    arguments.add_argument("--modalities", nargs="+", choices=MODALITIES, default=list(MODALITIES))
    arguments.add_argument("--hidden-size", type=int, help="of a decoder with random weights, in 64s; with --layers")
    arguments.add_argument("--layers", type=int)
    chosen = arguments.parse_args()
    if (chosen.hidden_size is None) != (chosen.layers is None) or (chosen.hidden_size or 0) % (2 * HEAD_SIZE):
        arguments.error(f"give --hidden-size, a multiple of {2 * HEAD_SIZE}, and --layers together")
    section = yaml.safe_load((ROOT / "config.yaml").read_text())
    media = Media.model_validate(section["media"])
    settings = Judge.model_validate(section["teachers"]["tiny-teacher"] | {"splits": ["test"]})
    case = f"modalities={len(chosen.modalities)},premises={chosen.premises},votes={settings.sampling.votes}"
    if chosen.hidden_size:
        settings.server.arguments.extend(resized(chosen.hidden_size, chosen.layers))
        case += f",hidden_size={chosen.hidden_size},layers={chosen.layers}"
    there = list(premises_in_turn(chosen.results, tuple(chosen.modalities)))
    needed = 1 + chosen.repeats * sum(chosen.premises + (way == "naive") for way in chosen.against)
    if len(there) < needed:
        raise SystemExit(f"{chosen.results} has {len(there)} test premises of each modality, and {needed} are needed")
    premises = iter(there)
    print(machine())
    with TemporaryDirectory(prefix="umui-bench-") as directory:
        bench = Bench(settings, media, chosen.results, Path(directory))
        server = serving(
            settings.server, media, chosen.modalities, "bench", bench.model, None, 0, 1, Path(directory) / "server.log"
        )
        with server as address:
            os.environ["BENCH_KEY"] = address.key

            def drawn(count: int) -> Path:
                return bench.items_of([name for _ in range(count) for name in next(premises)])

            warm_up = drawn(1)
            bench.ours(address, warm_up)
            if "engine" in chosen.against:  # which has not seen what the server has
                both = [drawn(chosen.premises) for _ in range(chosen.repeats)]
                with engine_of(bench.model, settings, media, chosen.modalities) as llm:
                    bench.engine(llm, warm_up)
                    before = usage(address.url)
                    pairs = [(bench.ours(address, items), bench.engine(llm, items)) for items in both]
                    counted = {name: count - before[name] for name, count in usage(address.url).items()}
                print(f"counted by the server while ours asked: {json.dumps(counted)}")
                record(chosen.output, [compared("teacher", case, "votes/s", pairs, ENGINE, better="higher")])
            if "naive" in chosen.against:
                pairs = [
                    (bench.ours(address, drawn(chosen.premises)), bench.naive(address, drawn(1)))
                    for _ in range(chosen.repeats)
                ]
                record(chosen.output, [compared("teacher", case, "votes/s", pairs, NAIVE, better="higher")])
    rate = bench.votes / bench.client_s
    print(f"our client spends {1000 / rate:.2f} CPU ms a vote: one core of it is enough for {rate:.0f} votes/s")


if __name__ == "__main__":
    main()
