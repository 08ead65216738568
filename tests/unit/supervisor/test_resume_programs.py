"""`resume: auto`: which programs are known, and where the checkpoint stands in their command."""

from __future__ import annotations

import pytest

from trainyard_supervisor.resume.programs import Known, recognised, with_checkpoint

FILES = {
    "trainer.py": "HfArgumentParser(TrainingArguments)\nt.train(resume_from_checkpoint=a.resume_from_checkpoint)",
    "forgetful.py": "HfArgumentParser(TrainingArguments)\nt.train()",
    "accelerated.py": "accelerator = Accelerator()\np.add_argument('--resume_from_checkpoint')",
    "lit.py": "LightningCLI(DemoModel, BoringDataModule)",
    "plain.py": "print(1)",
    "pkg/run.py": "parser = TrlParser(SFTConfig); t.train(resume_from_checkpoint=x)",
}
PATH = "/data/run/work/out/checkpoint-10"


def start(command: str) -> str:
    """The command with a checkpoint, or why it stays as it is."""
    words = command.split(" ")
    found = recognised(words, FILES.get)
    return (
        " ".join(with_checkpoint(words, found, PATH))
        if isinstance(found, Known)
        else f"no: {found}"
    )


OPTION = f"--resume_from_checkpoint {PATH}"
KNOWN = [
    ("trl sft --max_steps 4", f"trl sft --max_steps 4 {OPTION}"),
    ("/env/bin/trl dpo", f"/env/bin/trl dpo {OPTION}"),
    ("python -m trl.scripts.sft", f"python -m trl.scripts.sft {OPTION}"),
    ("python3.11 -u trainer.py --a b", f"python3.11 -u trainer.py --a b {OPTION}"),
    (
        "python -X utf8 trainer.py --resume_from_checkpoint True --a",
        f"python -X utf8 trainer.py --a {OPTION}",
    ),
    ("python trainer.py --resume-from-checkpoint=x", f"python trainer.py {OPTION}"),
    ("python -m pkg.run", f"python -m pkg.run {OPTION}"),
    ("torchrun --nproc_per_node 2 trainer.py -a", f"torchrun --nproc_per_node 2 trainer.py -a {OPTION}"),
    (
        "python -m torch.distributed.run --standalone trainer.py",
        f"python -m torch.distributed.run --standalone trainer.py {OPTION}",
    ),
    ("accelerate launch --cpu accelerated.py", f"accelerate launch --cpu accelerated.py {OPTION}"),
    ("env A=1 nice -n 5 uv run trainer.py", f"env A=1 nice -n 5 uv run trainer.py {OPTION}"),
    ("python lit.py fit --c d", f"python lit.py fit --c d --ckpt_path {PATH}"),
    ("python lit.py fit --ckpt_path last", f"python lit.py fit --ckpt_path {PATH}"),
    (
        "yolo detect train model=n.yaml data=d.yaml resume=True",
        f"yolo detect train data=d.yaml resume model={PATH}",
    ),
]  # fmt: skip
UNKNOWN = [
    ("python plain.py", "plain.py takes no checkpoint in a way that is known"),
    ("python forgetful.py", "forgetful.py does not pass resume_from_checkpoint to train()"),
    ("python trainer.py args.json", "reads its arguments from args.json alone"),
    ("python lit.py test", "not asked to fit"),
    ("yolo val model=a.pt", "not asked to train"),
    ("sh -c ./train", "sh hides the program"),
    ("python -c pass", "no program in the command that is known"),
    ("python absent.py", "absent.py is not known"),
    ("trl env", "trl is not known"),
    ("torchrun", "no program in the command that is known"),
]


@pytest.mark.parametrize(("command", "expected"), KNOWN, ids=[case[0] for case in KNOWN])
def test_a_known_program_gets_its_own_option(command: str, expected: str) -> None:
    assert start(command) == expected


@pytest.mark.parametrize(("command", "why"), UNKNOWN, ids=[case[0] for case in UNKNOWN])
def test_of_another_program_it_is_said_why_it_is_not_known(command: str, why: str) -> None:
    said = start(command)
    assert said.startswith("no: ")
    assert why in said
