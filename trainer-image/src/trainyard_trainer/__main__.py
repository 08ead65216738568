"""Train the attempt in the environment; `predict` and `verify` use a trained model."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from trainyard_trainer.signals import exit_preempted

if TYPE_CHECKING:
    from trainyard_trainer.errors import TrainingError


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit code."""
    if not arguments:
        # Importing torch takes over a second; `--help`, errors and SIGTERM must not wait for it.
        signal.signal(signal.SIGTERM, exit_preempted)
        from trainyard_trainer.session import train_pod

        return train_pod()
    parser = argparse.ArgumentParser(prog="trainyard_trainer", description=__doc__)
    commands = parser.add_subparsers(required=True)
    _add_predict(commands.add_parser("predict", help="predict with a trained model"))
    _add_verify(commands.add_parser("verify", help="measure again what a model's card states"))
    options = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_predict)
    parser.add_argument("--model", type=Path, required=True, help="model file or its folder")
    parser.add_argument(
        "--input",
        type=Path,
        required=True,
        help="CSV, TSV, Parquet, JSONL, NPZ or NPY; an image, or images in a zip or tar; a prompt as text, or JSONL with the field text",
    )
    parser.add_argument(
        "--output", type=Path, help="write predictions as JSON lines here instead of printing"
    )
    parser.add_argument(
        "--tokens",
        type=_tokens,
        default=200,
        help="language models: tokens to add (default 200)",
    )
    parser.add_argument(
        "--temperature",
        type=_temperature,
        default=0.0,
        help="language models: 0 takes the likeliest token (default), 1 draws as learned",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="language models: of the draws (default 0)"
    )


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_verify)
    parser.add_argument("--model", type=Path, required=True, help="model file or its folder")
    parser.add_argument(
        "--dataset", type=Path, required=True, help="the file of the dataset that it learned"
    )


def _tokens(text: str) -> int:
    if (found := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return found


def _temperature(text: str) -> float:
    if not 0 <= (found := float(text)) <= 100:
        raise argparse.ArgumentTypeError("must be from 0 to 100")
    return found


def _verify(options: argparse.Namespace) -> int:
    from trainyard_trainer.errors import TrainingError
    from trainyard_trainer.inference import verify

    try:
        checks = verify.verify(options.model, options.dataset)
    except TrainingError as error:
        return _refused(error)
    sys.stdout.write(verify.table(checks))
    return 0 if all(check.agrees for check in checks) else 1


def _refused(error: TrainingError) -> int:
    sys.stderr.write(
        "\n".join(["error: " + " ".join(str(error).split()), error.hint]).rstrip() + "\n"
    )
    return int(error.exit_code)


def _predict(options: argparse.Namespace) -> int:
    from trainyard_api.contract import ExitCode
    from trainyard_trainer.errors import TrainingError
    from trainyard_trainer.inference.generate import Sampling
    from trainyard_trainer.inference.predict import Predictor

    how = Sampling(options.tokens, options.temperature, options.seed)
    try:
        predictor = Predictor.load(options.model)
        predictions, truth = predictor.predict_file(options.input, how)
    except TrainingError as error:
        return _refused(error)
    except OSError as error:
        sys.stderr.write(f"error: {error.filename}: {error.strerror}\n")
        return int(ExitCode.BAD_DATA)
    lines = "".join(f"{json.dumps({'prediction': p})}\n" for p in predictions)
    if options.output:
        options.output.write_text(lines)
    else:
        sys.stdout.write(lines)
    if truth is not None:
        known = [(p, t) for p, t in zip(predictions, truth, strict=True) if t is not None]
        right = sum(p == t for p, t in known)
        summary = {"samples": len(known), "accuracy": right / len(known)}
        if len(known) < len(truth):
            summary["withoutClass"] = len(truth) - len(known)
        sys.stderr.write(f"{json.dumps(summary)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
