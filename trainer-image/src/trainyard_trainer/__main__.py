"""`python -m trainyard_trainer` trains the run of the environment; `… predict --model FILE --input FILE` uses a model."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """The exit code."""
    if not arguments:
        # torch takes over a second to import; `--help` and a wrong option answer at once.
        from trainyard_trainer.session import train_session

        return train_session()
    parser = argparse.ArgumentParser(prog="trainyard_trainer", description=__doc__)
    commands = parser.add_subparsers(required=True)
    predict = commands.add_parser("predict", help="predict with a trained model")
    predict.add_argument("--model", type=Path, required=True, help="model file or its folder")
    predict.add_argument(
        "--input", type=Path, required=True, help="CSV, Parquet, JSONL, NPZ or NPY"
    )
    predict.add_argument(
        "--output", type=Path, help="write predictions as JSON lines here instead of printing"
    )
    return _predict(parser.parse_args(arguments))


def _predict(options: argparse.Namespace) -> int:
    from trainyard_trainer.errors import TrainingError
    from trainyard_trainer.predict import Predictor, read_inputs

    try:
        predictor = Predictor.load(options.model)
        inputs, truth = read_inputs(options.input, predictor.schema)
        predictions = predictor.predict(inputs)
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
