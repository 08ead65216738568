import sys
from datasets import load_dataset
from transformers import (AutoModelForCausalLM, AutoTokenizer, DataCollatorForLanguageModeling, HfArgumentParser, Trainer, TrainingArguments)
(args,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses()
tok = AutoTokenizer.from_pretrained("data/text/llama"); model = AutoModelForCausalLM.from_pretrained("data/text/llama")
ds = load_dataset("text", data_files="data/text/txt/train.txt")["train"].map(lambda b: tok(b["text"], truncation=True, max_length=64), batched=True, remove_columns=["text"])
t = Trainer(model=model, args=args, train_dataset=ds, eval_dataset=ds.select(range(32)), data_collator=DataCollatorForLanguageModeling(tok, mlm=False))
t.train(resume_from_checkpoint=args.resume_from_checkpoint); t.save_model()
