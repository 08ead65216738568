"""make_litgpt.py MODEL OUTDIR: a checkpoint for litgpt with weights by chance, and instructions (needs litgpt)."""
import json, os, random, shutil, sys, torch, yaml
from dataclasses import asdict
from litgpt import GPT, Config
model, o = sys.argv[1:3]; os.makedirs(o, exist_ok=True); random.seed(0)
c = Config(name="pythia-14m", block_size=128, vocab_size=15, padded_vocab_size=512, n_layer=2, n_head=4, n_embd=64, hf_config=dict(name="pythia-14m", org="EleutherAI"))
yaml.safe_dump(asdict(c), open(f"{o}/model_config.yaml", "w")); torch.save(GPT(c).state_dict(), f"{o}/lit_model.pth")
for f in ("tokenizer.json", "tokenizer_config.json"): shutil.copy(f"{model}/{f}", o)
json.dump({"bos_token_id": 2, "eos_token_id": 2}, open(f"{o}/generation_config.json", "w"))
words = "the quick brown fox jumps over a lazy dog again".split()
def said(): return " ".join(random.choices(words, k=8))
json.dump([{"instruction": said(), "input": "", "output": said()} for _ in range(200)], open(f"{o}/alpaca.json", "w"))
