"""Small data for the programs, the same at every run."""

from __future__ import annotations

import csv
import json
import random
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

WORDS: Final = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "again")
SPECIAL: Final = ("<|pad|>", "<|unk|>", "<|end|>", "<|user|>", "<|assistant|>")
CHAT: Final = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<|user|> {{ m['content'] }} "
    "{% else %}<|assistant|> {% generation %}{{ m['content'] }} <|end|>{% endgeneration %}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|> {% endif %}"
)


def text(folder: Path) -> None:
    """Lines of words: txt/train.txt."""
    rng = random.Random(0)
    lines = [" ".join(rng.choices(WORDS, k=12)) for _ in range(2000)]
    (folder / "txt").mkdir(parents=True)
    (folder / "txt" / "train.txt").write_text("\n".join(lines) + "\n")


def table(folder: Path) -> None:
    """A label and eight columns: tab/train.csv and tab/valid.csv."""
    rng = random.Random(0)
    (folder / "tab").mkdir(parents=True)
    for name, count in (("train", 20_000), ("valid", 2_000)):
        with (folder / "tab" / f"{name}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["label", *(f"f{n}" for n in range(8))])
            for _ in range(count):
                x = [rng.gauss(0, 1) for _ in range(8)]
                rows.writerow([int(x[0] * x[1] + x[2] > 0), *(f"{v:.4f}" for v in x)])


def chat(folder: Path) -> None:
    """Dialogues, and a language model of two layers with its tokenizer: chat/train.jsonl, model/."""
    rng = random.Random(0)
    (folder / "chat").mkdir(parents=True)
    with (folder / "chat" / "train.jsonl").open("w") as file:
        for _ in range(300):
            said = [" ".join(rng.choices(WORDS, k=8)) for _ in range(2)]
            roles = (
                {"role": r, "content": t} for r, t in zip(("user", "assistant"), said, strict=True)
            )
            file.write(json.dumps({"messages": list(roles)}) + "\n")
    _language_model(folder / "model", rng)


def _language_model(folder: Path, rng: random.Random) -> None:
    """A Llama in the format of transformers, with weights by chance."""
    vocabulary = [*SPECIAL, *WORDS]
    ids = {token: n for n, token in enumerate(vocabulary)}
    size, wide, heads, layers = 64, 128, 4, 2
    config: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": len(vocabulary),
        "hidden_size": size, "intermediate_size": wide, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": heads, "max_position_embeddings": 512,
        "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 2, "dtype": "float32",
    }  # fmt: skip
    shapes = {"model.embed_tokens.weight": (len(vocabulary), size), "model.norm.weight": (size,)}
    shapes["lm_head.weight"] = (len(vocabulary), size)
    for n in range(layers):
        layer = f"model.layers.{n}"
        shapes |= {f"{layer}.self_attn.{x}_proj.weight": (size, size) for x in "qkvo"}
        shapes |= {f"{layer}.mlp.{x}_proj.weight": (wide, size) for x in ("gate", "up")}
        shapes[f"{layer}.mlp.down_proj.weight"] = (size, wide)
        norms = ("input_layernorm", "post_attention_layernorm")
        shapes |= {f"{layer}.{x}.weight": (size,) for x in norms}
    special = [
        {"id": ids[x], "content": x, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for x in SPECIAL
    ]  # fmt: skip
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": None, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None,
        "decoder": None, "model": {"type": "WordLevel", "vocab": ids, "unk_token": "<|unk|>"},
    }  # fmt: skip
    named = {"pad_token": "<|pad|>", "unk_token": "<|unk|>", "eos_token": "<|end|>"}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **named, "chat_template": CHAT}
    folder.mkdir(parents=True)
    for name, content in (
        ("config.json", config), ("tokenizer.json", tokenizer), ("tokenizer_config.json", settings),
    ):  # fmt: skip
        (folder / name).write_text(json.dumps(content))
    _safetensors(folder / "model.safetensors", shapes, rng)


def _safetensors(file: Path, shapes: dict[str, tuple[int, ...]], rng: random.Random) -> None:
    """Tensors of 32-bit floats: ones where there is one dimension, else by chance."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    content = array("f")
    for name, shape in shapes.items():
        begin = len(content) * content.itemsize
        if len(shape) == 1:
            content.extend([1.0] * shape[0])
        else:
            content.extend(rng.gauss(0, 0.02) for _ in range(shape[0] * shape[1]))
        ends = [begin, len(content) * content.itemsize]
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": ends}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    file.write_bytes(len(head).to_bytes(8, "little") + head + content.tobytes())


MAKERS: Final[dict[str, Callable[[Path], None]]] = {"text": text, "table": table, "chat": chat}
