"""Train the attempt in the environment; `predict` predicts with a model."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from trainyard_trainer.signals import exit_preempted


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit code."""
    if not arguments:
        # Importing torch takes over a second; `--help`, errors and SIGTERM must not wait for it.
        signal.signal(signal.SIGTERM, exit_preempted)
        from trainyard_trainer.session import train_pod

        return train_pod()
    parser = argparse.ArgumentParser(prog="trainyard_trainer", description=__doc__)
    commands = parser.add_subparsers(required=True)
    predict = commands.add_parser("predict", help="predict with a trained model")
    predict.add_argument("--model", type=Path, required=True, help="model file or its folder")
    predict.add_argument(
        "--input",
        type=Path,
        required=True,
        help="CSV, Parquet, JSONL, NPZ or NPY; images in class folders in a zip or tar; a prompt as text, or JSONL with the field text",
    )
    predict.add_argument(
        "--output", type=Path, help="write predictions as JSON lines here instead of printing"
    )
    predict.add_argument(
        "--tokens", type=int, default=200, help="language models: tokens to add (default 200)"
    )
    predict.add_argument(
        "--temperature",
        type=float,
        default=0.0,
        help="language models: 0 takes the likeliest token (default), 1 draws as learned",
    )
    predict.add_argument(
        "--seed", type=int, default=0, help="language models: of the draws (default 0)"
    )
    options = parser.parse_args(arguments)
    if options.tokens < 1 or not 0 <= options.temperature <= 100:
        parser.error("--tokens must be at least 1, --temperature from 0 to 100")
    return _predict(options)


def _predict(options: argparse.Namespace) -> int:
    from trainyard_trainer.errors import TrainingError
    from trainyard_trainer.inference.generate import Sampling
    from trainyard_trainer.inference.predict import Predictor

    how = Sampling(options.tokens, options.temperature, options.seed)
    try:
        predictor = Predictor.load(options.model)
        predictions, truth = predictor.predict_file(options.input, how)
    except TrainingError as error:
        sys.stderr.write(f"error: {error}\n{error.hint}\n")
        return int(error.exit_code)
    lines = "".join(f"{json.dumps({'prediction': p})}\n" for p in predictions)
    if options.output:
        options.output.write_text(lines)
    else:
        sys.stdout.write(lines)
    if truth is not None and predictor.schema.classes is not None:
        right = sum(p == t for p, t in zip(predictions, truth, strict=True))
        summary = {"samples": len(truth), "accuracy": right / len(truth)}
        sys.stderr.write(f"{json.dumps(summary)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
