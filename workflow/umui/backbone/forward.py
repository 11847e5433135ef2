"""Run a thinker's towers and text decoder over packed batches, without logits over the vocabulary."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache

from umui.backbone.packing import Batch, EncodedPremise

# From so many tokens on, a prefix is read in a pass of its own: causal attention needs no mask, and its kernels are
# faster.  Below it, the second pass costs more than it saves (docs/performance.md).
LONG_PREFIX = 512
Features = tuple[torch.Tensor | None, torch.Tensor | None]  # of the frames and of the sound: (tokens, hidden size)


def tower_features(thinker: Any, premises: Sequence[EncodedPremise]) -> list[Features]:
    """Return the features of each premise; None of what is not shown."""
    model = thinker.model
    seen = [premise for premise in premises if premise.patches is not None]
    mels = [premise.mel_FT for premise in premises if premise.mel_FT is not None]
    frames: list[torch.Tensor] = []
    sounds: list[torch.Tensor] = []
    if seen:
        grids_N3 = torch.stack([premise.grid_3 for premise in seen]).to(thinker.device)
        patches = torch.cat([premise.patches for premise in seen])
        features = model.visual(patches.to(thinker.device, model.visual.dtype), grid_thw=grids_N3).pooler_output
        frames = list(features.split((grids_N3.prod(1) // model.visual.spatial_merge_size**2).tolist()))
    if mels:
        lengths_N = torch.tensor([mel_FT.shape[1] for mel_FT in mels])
        _, tokens_N = model.audio_tower._get_feat_extract_output_lengths(lengths_N)
        tower_input = torch.cat(mels, dim=1).to(thinker.device, model.audio_tower.dtype)
        features = model.audio_tower(tower_input, feature_lens=lengths_N.to(thinker.device)).last_hidden_state
        sounds = list(features.split(tokens_N.tolist()))
    frame_features, sound_features = iter(frames), iter(sounds)
    return [
        (
            None if premise.patches is None else next(frame_features),
            None if premise.mel_FT is None else next(sound_features),
        )
        for premise in premises
    ]


def embed(thinker: Any, batch: Batch, features: Sequence[Features]) -> torch.Tensor:
    """Return the text decoder's inputs, shape (B, T, hidden size), with the towers' features in their places."""
    embeddings_BTH = thinker.get_input_embeddings()(batch.tokens_BT)
    for stream, token in enumerate((thinker.config.video_token_id, thinker.config.audio_token_id)):
        parts = [feature for row in features if (feature := row[stream]) is not None]
        if parts:
            values = torch.cat([part.to(embeddings_BTH, non_blocking=True) for part in parts])
            # Counted on the premises, which are in the computer's memory: asking the GPU would make it wait.
            placeholders = sum(int((premise.tokens_P == token).sum()) for premise in batch.premises)
            assert placeholders == len(values), "features and placeholders must be as many"
            embeddings_BTH = embeddings_BTH.masked_scatter((batch.tokens_BT == token)[..., None], values)
    return embeddings_BTH


def hidden_states(thinker: Any, batch: Batch, features: Sequence[Features]) -> torch.Tensor:
    """Return the text decoder's last hidden states, shape (B, T, hidden size).

    How they are computed depends on the batch's shape.  Rows of one suffix are plain causal sequences.  Long prefixes
    are read first, and all that follows goes on from their keys and values, through which gradients flow.  Else all
    is one pass under the mask.  The results differ by rounding alone.
    """
    embeddings_BTH, first = embed(thinker, batch, features), batch.shortest_prefix
    if batch.most_suffixes <= 1:
        return _decode(thinker, embeddings_BTH, batch.positions_3BT, None, cache=None)
    if first < LONG_PREFIX:
        return _decode(thinker, embeddings_BTH, batch.positions_3BT, batch.attention(), cache=None)
    cache = DynamicCache(config=thinker.model.language_model.config)
    prefix_BPH = _decode(thinker, embeddings_BTH[:, :first], batch.positions_3BT[:, :, :first], None, cache)
    rest_BRH = _decode(
        thinker, embeddings_BTH[:, first:], batch.positions_3BT[:, :, first:], batch.attention(first), cache
    )
    return torch.cat([prefix_BPH, rest_BRH], dim=1)


def hidden_states_after(thinker: Any, batch: Batch, features: Sequence[Features], shared: int) -> torch.Tensor:
    """Return the last hidden states from column `shared` on; the columns before are the same in all rows and read once.

    The shape is (B, T - shared, hidden size).  Gradients flow through the shared keys and values.
    """
    embeddings_BTH, attention = embed(thinker, batch, features), batch.attention()
    assert bool((batch.tokens_BT[:, :shared] == batch.tokens_BT[:1, :shared]).all()), "the rows begin differently"
    cache = DynamicCache(config=thinker.model.language_model.config)
    first = slice(0, 1), slice(0, shared)
    _decode(thinker, embeddings_BTH[first], batch.positions_3BT[:, *first], attention[:1, :, :shared, :shared], cache)
    cache.batch_select_indices(torch.zeros(len(embeddings_BTH), dtype=torch.long, device=embeddings_BTH.device))
    rest = slice(shared, None)
    return _decode(thinker, embeddings_BTH[:, rest], batch.positions_3BT[:, :, rest], attention[:, :, rest], cache)


def _decode(
    thinker: Any, embeddings_BTH: torch.Tensor, positions_3BT: torch.Tensor, attention: torch.Tensor | None, cache: Any
) -> torch.Tensor:
    """Run the text decoder; without `attention` each position sees those before it."""
    output = thinker.model.language_model(
        inputs_embeds=embeddings_BTH,
        position_ids=positions_3BT,
        attention_mask={"full_attention": attention},
        past_key_values=cache,
        use_cache=cache is not None,
    )
    return output.last_hidden_state


def answer_positions(batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return where each answer token is predicted, by row and column, the token, and the suffix that it belongs to."""
    lengths = [len(answer) for answer in batch.answers]
    device = batch.tokens_BT.device
    suffixes_A = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths)).to(device)
    offsets_A = torch.cat([torch.arange(length) for length in lengths]).to(device)
    tokens_A = torch.tensor([token for answer in batch.answers for token in answer], device=device)
    return batch.rows_N[suffixes_A], batch.ends_N[suffixes_A] + offsets_A, tokens_A, suffixes_A
