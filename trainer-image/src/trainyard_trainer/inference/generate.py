"""Text generation: tokens appended to a prompt one by one."""

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
    """Number of tokens to append to each prompt."""
    temperature: float = 0.0
    """0 takes the most likely token; else a token is drawn from softmax(scores / temperature)."""
    seed: int = 0
    """Seed of the random draws."""


@torch.no_grad()
def generate(model: Transformer, schema: DataSchema, prompt: bytes, sampling: Sampling) -> str:
    """The text after `prompt`, without it; invalid UTF-8 is replaced.

    Raises BadData for an empty prompt and for a byte that the training text did not contain.
    """
    vocabulary = schema.vocabulary or []
    ids = {byte: token for token, byte in enumerate(vocabulary)}
    unknown = next((place for place, byte in enumerate(prompt) if byte not in ids), None)
    if not prompt:
        raise BadData("the prompt is empty; the model needs at least one character to continue")
    if unknown is not None:
        shown = prompt[unknown : unknown + 4].decode(errors="replace")[:1]
        raise BadData(
            f"byte {unknown} of the prompt ({shown!r}) does not occur in the text that the model learned"
        )
    generator = torch.Generator().manual_seed(sampling.seed)
    tokens = [ids[byte] for byte in prompt]
    for _ in range(sampling.tokens):
        window = torch.tensor([tokens[-model.positions.num_embeddings :]])
        scores = model(window)[0, -1]
        if sampling.temperature > 0:
            probabilities = torch.softmax(scores / sampling.temperature, -1)
            tokens.append(int(torch.multinomial(probabilities, 1, generator=generator)))
        else:
            tokens.append(int(scores.argmax()))
    return bytes(vocabulary[token] for token in tokens[len(prompt) :]).decode(errors="replace")
