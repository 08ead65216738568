"""Text that goes on where a prompt ends, token by token."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from trainyard_trainer.data.schema import DataSchema
from trainyard_trainer.errors import BadData
from trainyard_trainer.models.transformer import Transformer


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen."""

    tokens: int = 200
    """How many follow each prompt."""
    temperature: float = 0.0
    """0 takes the likeliest; scores are divided by anything above before one is drawn by their softmax."""
    seed: int = 0
    """Of the draws."""


@torch.no_grad()
def continued(model: Transformer, schema: DataSchema, prompt: bytes, how: Sampling) -> str:
    """What follows `prompt`. Raises BadData for an empty prompt and for a byte that the training text did not have."""
    vocabulary = schema.vocabulary or []
    ids = {byte: token for token, byte in enumerate(vocabulary)}
    unknown = next((place for place, byte in enumerate(prompt) if byte not in ids), None)
    if not prompt:
        raise BadData("the prompt is empty; the model needs at least one character to go on from")
    if unknown is not None:
        shown = prompt[unknown : unknown + 4].decode(errors="replace")[:1]
        raise BadData(
            f"byte {unknown} of the prompt ({shown!r}) does not occur in the text that the model learned"
        )
    draws = torch.Generator().manual_seed(how.seed)
    tokens = [ids[byte] for byte in prompt]
    for _ in range(how.tokens):
        window = torch.tensor([tokens[-model.positions.num_embeddings :]])
        scores = model(window)[0, -1]
        if how.temperature > 0:
            likely = torch.softmax(scores / how.temperature, -1)
            tokens.append(int(torch.multinomial(likely, 1, generator=draws)))
        else:
            tokens.append(int(scores.argmax()))
    return bytes(vocabulary[token] for token in tokens[len(prompt) :]).decode(errors="replace")
