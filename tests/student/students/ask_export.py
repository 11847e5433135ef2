"""Ask an exported student through a vLLM server; run in the teacher's environment by a slow test.

python ask_export.py EXPORT EVIDENCE LOG < questions.json > distributions.json
"""

import json
import sys
from pathlib import Path

import openai

from umui.asking import messages
from umui.asking.server import serving
from umui.config.judges import Server
from umui.config.models import Media
from umui.evidence.shelf import EvidenceShelf
from umui.prompts.rendering import render
from umui.tables import MODALITIES


def main(export: str, evidence: str, log: str) -> None:
    """Print the masses of the bins for each question, as the server's probabilities of the tokens that it may say."""
    used_with = json.loads((Path(export) / "clue.json").read_text())
    tokens, media = used_with["tokens"], Media.model_validate(used_with["media"])
    shelf = EvidenceShelf(Path(evidence))
    settings = Server(
        dtype="float32", max_model_len=1024, max_num_seqs=8, block_size=32, start_timeout_s=300, kv_cache_gib=1,
        tensor_parallel=1, arguments=["--max-logprobs", str(len(tokens)), "--logprobs-mode", "processed_logprobs"],
    )  # fmt: skip
    with serving(settings, media, MODALITIES, "student", export, None, 0, 1, Path(log)) as address:
        client = openai.OpenAI(base_url=address.url, api_key=address.key)
        for question in json.load(sys.stdin):
            modality, text, hypothesis = question["modality"], question["text"], question["hypothesis"]
            words = render(used_with["prompt"], modality, text, hypothesis)
            answer = client.chat.completions.create(
                model="student",
                messages=messages.build(modality, words, shelf.take(question["media_id"], modality)),
                max_tokens=1,
                temperature=1.0,
                logprobs=True,
                top_logprobs=len(tokens),
                extra_body={"allowed_token_ids": question["token_ids"]},
            )
            said = {entry.token: entry.logprob for entry in answer.choices[0].logprobs.content[0].top_logprobs}
            print(json.dumps([said[token] for token in tokens]))


if __name__ == "__main__":
    main(*sys.argv[1:])
