"""Greedy answers: a premise is read once, and its hypotheses go on from the keys and values that it left."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache

from umui.backbone.forward import Features, embed
from umui.backbone.packing import PADDING, EncodedPremise, Suffix, pack


@torch.no_grad()
def greedy(
    thinker: Any,
    premises: Sequence[EncodedPremise],
    features: Sequence[Features],
    suffixes: Sequence[Sequence[Suffix]],
    most_tokens: int,
    end_token: int,
    pad_token: int,
) -> list[list[int] | None]:
    """Return the answer of each suffix in order, as tokens up to the end token or to `most_tokens`.

    It is None where a logit is not finite: the largest of such numbers is nobody's word.
    """
    decoder = thinker.model.language_model
    device = thinker.device
    owners_N = torch.tensor([row for row, group in enumerate(suffixes) for _ in group], device=device)
    prompts = [suffix.prompt for group in suffixes for suffix in group]
    prefix = pack(premises, [[] for _ in premises], pad_token).to(device)
    cache = DynamicCache(config=decoder.config)
    decoder(
        inputs_embeds=embed(thinker, prefix, features),
        position_ids=prefix.positions_3BT,
        attention_mask={"full_attention": None},  # each position sees those before it; the padding comes last
        past_key_values=cache,
        use_cache=True,
    )
    cache.batch_select_indices(owners_N)
    lengths_N = torch.tensor([len(prompt) for prompt in prompts], device=device)
    tokens_NS = torch.full((len(prompts), int(lengths_N.max())), pad_token, device=device)
    for row, prompt in enumerate(prompts):
        tokens_NS[row, : len(prompt)] = torch.tensor(prompt, device=device)
    seen_NP = prefix.segments_BT[owners_N] != PADDING
    own_NS = torch.arange(tokens_NS.shape[1], device=device) < lengths_N[:, None]
    next_N = (prefix.positions_3BT.amax((0, 2)) + 1)[owners_N]
    states_NSH = _go_on(thinker, cache, tokens_NS, next_N[:, None] + torch.arange(tokens_NS.shape[1], device=device),
                        _suffix_attention(seen_NP, own_NS))  # fmt: skip
    state_NH = states_NSH[torch.arange(len(prompts), device=device), lengths_N - 1]
    next_N = next_N + lengths_N
    seen_NP = torch.cat([seen_NP, own_NS], dim=1)
    answers: list[list[int]] = [[] for _ in prompts]
    finite_N = torch.ones(len(prompts), dtype=torch.bool, device=device)
    for _ in range(most_tokens):
        logits_NV = thinker.lm_head(state_NH)
        finite_N &= logits_NV.isfinite().all(-1)
        token_N = logits_NV.argmax(-1)
        for answer, token in zip(answers, token_N.tolist(), strict=True):
            if end_token not in answer:
                answer.append(token)
        if all(end_token in answer for answer in answers):
            break
        seen_NP = torch.cat([seen_NP, torch.ones_like(seen_NP[:, :1])], dim=1)
        state_NH = _go_on(thinker, cache, token_N[:, None], next_N[:, None], seen_NP[:, None, None])[:, 0]
        next_N = next_N + 1
    said = ([token for token in answer if token != end_token] for answer in answers)
    return [answer if finite else None for answer, finite in zip(said, finite_N.tolist(), strict=True)]


def _suffix_attention(seen_NP: torch.Tensor, own_NS: torch.Tensor) -> torch.Tensor:
    """Return what each suffix token sees: the prefix, and the suffix up to itself; shape (N, 1, S, P + S)."""
    width = own_NS.shape[1]
    earlier_SS = torch.ones(width, width, dtype=torch.bool, device=own_NS.device).tril()
    prefix_NSP = seen_NP[:, None].expand(-1, width, -1)
    return torch.cat([prefix_NSP, earlier_SS.expand(len(own_NS), -1, -1)], dim=2)[:, None]


def _go_on(
    thinker: Any, cache: DynamicCache, tokens_NS: torch.Tensor, positions_NS: torch.Tensor, attention: torch.Tensor
) -> torch.Tensor:
    output = thinker.model.language_model(
        inputs_embeds=thinker.get_input_embeddings()(tokens_NS),
        position_ids=positions_NS.expand(3, -1, -1),
        attention_mask={"full_attention": attention},
        past_key_values=cache,
        use_cache=True,
    )
    states_NSH: torch.Tensor = output.last_hidden_state
    return states_NSH
