"""What lines say about progress: real ones of many programs, and those that only look like it."""

from __future__ import annotations

import pytest

from trainyard_supervisor.progress.bars import bar
from trainyard_supervisor.progress.lines import stated

BAR = "█████     "
SAYS = [
    # (program, line, what it says of: done, total, within_epoch, epoch, epochs)
    ("transformers", f" 18%|{BAR}| 11/60 [00:05<00:22,  2.18it/s]", (11, 60, False, None, None)),
    ("tqdm named", f"Training:   5%|{BAR}| 5/100 [00:12<00:28,  4.0s/it]", (5, 100, False, None, None)),
    ("tqdm over epochs", f"Epochs:  30%|{BAR}| 3/10 [00:12<00:28,  4.0s/it]", (None, None, False, 4, 10)),
    ("tqdm in an epoch", f"Epoch 3/10:  45%|{BAR}| 9/20 [00:00<00:00, 25.00it/s]", (9, 20, True, 3, 10)),
    (
        "minGPT",
        f"epoch 3 iter 12: train loss 1.2345. lr 5e-4:  45%|{BAR}| 9/20 [00:00<00:00, 25.00it/s]",
        (9, 20, True, 3, None),
    ),
    (
        "Lightning",
        f"Epoch 2: 100%|{BAR}| 20/20 [00:00<00:00, 25.00it/s, v_num=0]",
        (20, 20, True, 2, None),
    ),
    (
        "Lightning with rich",
        "Epoch 2/2 ━━━━━━━━━━━━━━━━ 20/20 0:00:00 • 0:00:00 9.52it/s v_num: 0",
        (20, 20, True, 2, 2),
    ),
    (
        "Keras 3",
        "20/20 ━━━━━━━━━━━━━━━━━━━━ 1s 5ms/step - accuracy: 0.5 - loss: 0.69",
        (20, 20, True, None, None),
    ),
    (
        "Keras 3 drawing",
        " 5/20 ━━━━━━━━━━━━━━━━━━━━ 0s 5ms/step - accuracy: 0.5 - loss: 0.69",
        (5, 20, True, None, None),
    ),
    ("Keras 2", "12/20 [================>.............] - ETA: 0s - loss: 0.69", (12, 20, True, None, None)),
    ("Keras header", "Epoch 3/10", (None, None, False, 3, 10)),
    (
        "fastprogress",
        "Epoch 1/5 : |███████-----------| 56.00% [14/25 00:01<00:00 0.6931]",
        (14, 25, True, 1, 5),
    ),
    (
        "ultralytics",
        "        1/2         0G      3.212      4.123      4.212         12         64: 50% "
        "━━━━━━────── 1/2 3.1it/s 0.3s",
        (1, 2, True, 1, 2),
    ),
    (
        "ultralytics with tqdm",
        f"      1/200      0.35G      3.212      4.123      4.212         12         64: 100%|{BAR}| "
        "2/2 [00:00<00:00,  5.1it/s]",
        (2, 2, True, 1, 200),
    ),
    ("nanoGPT", "iter 20: loss 2.77, time 18ms, mfu 1.00%", (20, None, False, None, None)),
    ("nanoGPT evaluation", "step 250: train loss 1.9012, val loss 2.0123", (250, None, False, None, None)),
    (
        "litgpt",
        "Epoch 1 | iter 2 step 1 | loss train: 6.420, val: n/a | iter time: 100.00 ms",
        (1, None, False, 1, None),
    ),
    ("LightGBM", "[50]\tvalid_0's auc: 0.99", (50, None, False, None, None)),
    (
        "LightGBM with two scores",
        "[2]\ttraining's l2: 0.186513\ttraining's l1: 0.429904",
        (2, None, False, None, None),
    ),
    (
        "LightGBM's cross-validation",
        "[4]\tvalid's binary_logloss: 0.540735 + 0.0175368",
        (4, None, False, None, None),
    ),
    ("LightGBM by a logger", "[LightGBM] [10] training's l2: 1e-05", (10, None, False, None, None)),
    (
        "LightGBM's own library",
        "[LightGBM] [Info] Iteration:10, training l2 : 0.145364",
        (10, None, False, None, None),
    ),
    ("XGBoost's cross-validation", "[0]\ttrain-auc:0.91+0.01\ttest-auc:0.81+0.02", (0, None, False, None, None)),
    ("XGBoost with a time", "[12:00:01] [10]\ttrain-rmse:nan", (10, None, False, None, None)),
    (
        "gradient boosting of histograms",
        "[1/4] 1 tree, 13 leaves, max depth = 6, train loss: 0.62923, val loss: 0.62685, in 0.010s",
        (1, 4, False, None, None),
    ),
    ("DCGAN", "[0/5][50/1583]\tLoss_D: 1.7\tLoss_G: 3.1", (50, 1583, True, 0, 5)),
    ("a count of all", "[10/100] loss: 0.5", (10, 100, False, None, None)),
    ("XGBoost", "[58]\ttrain-auc:1.00000\tvalid-auc:0.99000", (58, None, False, None, None)),
    ("CatBoost", "7:\tlearn: 0.6812\ttest: 0.6823\tbest: 0.6823 (0)\ttotal: 3.1ms", (7, None, False, None, None)),
    ("CatBoost with a test", "20:\ttest: 0.9612\tbest: 0.9612 (20)\ttotal: 30ms", (20, None, False, None, None)),
    ("scikit-learn", "Iteration 40, loss = 0.27", (40, None, False, None, None)),
    ("timm", "Train: 0 [   0/4 (  0%)]  Loss: 1.4 (1.4)  Time: 0.123s", (0, 4, True, 0, None)),
    (
        "open_clip",
        "Train Epoch: 0 [  32/1000 (3%)] Data (t): 0.1 Loss: 2.1298 (2.1298) LR: 0.0",
        (32, 1000, True, 0, None),
    ),
    ("PyTorch's MNIST", "Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.3", (640, 60000, True, 1, None)),
    ("torchvision", "Epoch: [0]  [ 10/100]  eta: 0:00:12  lr: 0.01", (10, 100, True, 0, None)),
    ("PyTorch's ImageNet", "Epoch: [0][  10/5005]\tTime 0.1\tLoss 1.2", (10, 5005, True, 0, None)),
    ("a tutorial", "Epoch [3/10], Step [100/600], Loss: 0.25", (100, 600, True, 3, 10)),
    ("batches", "Epoch 1/10, Batch 5/100, Loss 0.2", (5, 100, True, 1, 10)),
    ("an epoch of", "Epoch 3 of 10", (None, None, False, 3, 10)),
    ("an epoch in text", "Epoch: 03 | Train Loss: 0.3", (None, None, False, 3, None)),
    ("an epoch in brackets", "[Epoch 3/10] loss=0.5", (None, None, False, 3, 10)),
    (
        "Megatron",
        " iteration       10/    1000 | consumed samples: 100 | lm loss: 1.0",
        (10, 1000, False, None, None),
    ),
    ("mmengine", "Epoch(train)  [1][10/100]  lr: 1e-3", (10, 100, True, 1, None)),
    ("mmengine by iterations", "Iter(train) [  50/1000]  lr: 1e-3 loss: 0.1", (50, 1000, False, None, None)),
    ("fairseq", "epoch 001:  10 / 500 loss=3.2, ppl=3", (10, 500, True, 1, None)),
    ("stable-baselines3", "|    total_timesteps      | 2048         |", (2048, None, False, None, None)),
    ("step of", "step 120/1000", (120, 1000, False, None, None)),
    ("thousands", "Step 120 of 1,000: loss=0.5", (120, 1000, False, None, None)),
    ("an equals sign", "step=100 loss=0.5", (100, None, False, None, None)),
    ("a logger's prefix", "2024-01-02 03:04:05,123 INFO step 30/90 loss 0.3", (30, 90, False, None, None)),
    ("a count alone", "global_step: 100", (100, None, False, None, None)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "want"), [pytest.param(line, want, id=name) for name, line, want in SAYS]
)
def test_lines_that_say_how_far_it_is(
    line: str, want: tuple[int | None, int | None, bool, int | None, int | None]
) -> None:
    found = bar(line) or stated(line)

    assert found is not None
    assert (found.done, found.total, found.within_epoch, found.epoch, found.epochs) == want


SAY_NOTHING = {
    "loading weights": f"Loading weights: 100%|{BAR}| 21/21 [00:00<00:00, 1.2it/s]",
    "map": f"Map: 100%|{BAR}| 400/400 [00:00<00:00, 5000.00 examples/s]",
    "map by processes": f"Map (num_proc=2):  50%|{BAR}| 200/400 [00:00<00:00, 5000.00 examples/s]",
    "a split": f"Generating train split: 100%|{BAR}| 400/400 [00:00<00:00, 5000.00 examples/s]",
    "tokens": f"Tokenizing train dataset: 100%|{BAR}| 400/400 [00:00<00:00, 5000.00 examples/s]",
    "packing": f"Packing train dataset: 100%|{BAR}| 400/400 [00:00<00:00, 5000.00 examples/s]",
    "shards": f"Writing model shards: 100%|{BAR}| 1/1 [00:00<00:00, 100.00it/s]",
    "fetching": f"Fetching 12 files:  30%|{BAR}| 3/12 [00:12<00:28,  4.0s/it]",
    "validation": f"Validation DataLoader 0:  30%|{BAR}| 3/12 [00:12<00:28,  4.0s/it]",
    "a sanity check": f"Sanity Checking DataLoader 0: 100%|{BAR}| 2/2 [00:00<00:00, 1.2it/s]",
    "a download": f"model.safetensors:  27%|{BAR}| 12.3M/45.6M [00:01<00:02, 5MB/s]",
    "ultralytics' evaluation": "                 Class     Images  Instances      Box(P          R      mAP50  "
    "mAP50-95): 100% ━━━━━━━━━━━━ 2/2 1.2it/s 0.1s",
    "validation of mmengine": "Epoch(val) [1][10/20]",
    "a setting of epochs": "  Num Epochs = 3",
    "a setting of steps": "  Total optimization steps = 60",
    "a setting in words": "Saving every 100 steps",
    "a time": "Epoch took 3 s",
    "a time of a step": "step time 0.3 s",
    "usage": "usage: train.py [--steps N] [--epochs 3]",
    "a stage": "Step 2/5: Preprocessing data",
    "a stage in prose": "Started step 2 of the pipeline",
    "an instruction": "Step 3: install 4 packages",
    "a dictionary": "{'loss': '5.882', 'grad_norm': '1.2', 'epoch': '0.06'}",
    "a process that started": "[1234] [INFO] Booting worker with pid: 77",
    "a process with a time": "[2024-01-02 03:04:05 +0000] [1234] [INFO] Listening at: 0.0.0.0:80 (7)",
    "a list of ports": "[12] port=8080",
    "a compiler": "[3/10] Building CXX object src/loss.cpp.o -O2",
    "an item of a list": "[1/3] Downloading data to accuracy_1.csv",
    "scores of LightGBM without a round": "[LightGBM] [Info] Start training from score 0.492500",
    "more than all": "step 12/10",
    "more than all in brackets": "[12/10] loss: 0.5",
    "a number too large": f"step {'9' * 30}/{'9' * 31}",
}


@pytest.mark.parametrize("line", SAY_NOTHING.values(), ids=SAY_NOTHING.keys())
def test_lines_that_only_look_like_it(line: str) -> None:
    assert (bar(line) or stated(line)) is None
