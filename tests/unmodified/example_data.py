"""Small data for the programs, the same at every run."""

from __future__ import annotations

import csv
import json
import random
import struct
import zlib
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

WORDS: Final = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "again")
SPECIAL: Final = ("<|pad|>", "<|unk|>", "<|end|>", "<|user|>", "<|assistant|>")
PIXELS: Final = 64
"""Width and height of a picture."""
COLOURS: Final = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (40, 40, 220)}
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


def vision(folder: Path) -> None:
    """Pictures of one square each, where it is, and what it is called: vision/, for YOLO and CLIP."""
    rng = random.Random(0)
    top, captions = folder / "vision", ["filepath,title"]
    for part, count in (("train", 16), ("val", 8)):
        for kind in ("images", "labels"):
            (top / kind / part).mkdir(parents=True)
        for number in range(count):
            colour = rng.randrange(len(COLOURS))
            size, left, above = rng.randrange(16, 33), rng.randrange(32), rng.randrange(32)
            picture = top / "images" / part / f"{number:02}.png"
            picture.write_bytes(_square(size, left, above, tuple(COLOURS.values())[colour]))
            middle = ((left + size / 2) / PIXELS, (above + size / 2) / PIXELS)
            label = [str(colour), *(f"{x:.4f}" for x in (*middle, size / PIXELS, size / PIXELS))]
            (top / "labels" / part / f"{number:02}.txt").write_text(" ".join(label) + "\n")
            place = picture.relative_to(folder.parent)
            captions.append(f"{place},a {tuple(COLOURS)[colour]} square")
    names = "".join(f"  {n}: {name}\n" for n, name in enumerate(COLOURS))
    (top / "det.yaml").write_text(f"train: images/train\nval: images/val\nnames:\n{names}")
    (top / "captions.csv").write_text("\n".join(captions) + "\n")


def _square(size: int, left: int, above: int, colour: tuple[int, ...]) -> bytes:
    """A PNG of a square on grey."""
    rows = bytearray()
    for y in range(PIXELS):
        rows.append(0)
        for x in range(PIXELS):
            inside = left <= x < left + size and above <= y < above + size
            rows += bytes(colour if inside else (90, 90, 90))
    head = struct.pack(">IIBBBBB", PIXELS, PIXELS, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def molecules(folder: Path) -> None:
    """Molecules as SMILES with their number of carbon atoms: mol/train.csv."""
    ends, middles = ("C", "O", "N", "F", "Cl"), ("C", "CC", "C(C)C", "c1ccc(cc1)", "C(=O)O")
    (folder / "mol").mkdir(parents=True)
    with (folder / "mol" / "train.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["smiles", "carbons"])
        for end in ends:
            for first in middles:
                for second in middles:
                    smiles = f"C{first}{second}{end}"
                    rows.writerow([smiles, smiles.replace("Cl", "").upper().count("C")])


MAKERS: Final[dict[str, Callable[[Path], None]]] = {
    "text": text,
    "table": table,
    "chat": chat,
    "vision": vision,
    "molecules": molecules,
}
