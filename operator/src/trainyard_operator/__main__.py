"""`python -m trainyard_operator --config operator.yaml`"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import structlog

from trainyard_kube import KubeConfig
from trainyard_kube.errors import ConfigError
from trainyard_operator import logs
from trainyard_operator.errors import OperatorError
from trainyard_operator.main import Process, run
from trainyard_operator.settings import load

EXIT_CONFIGURATION = 64
EXIT_FAILURE = 1


def main(arguments: list[str] | None = None) -> int:
    """Run the operator; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m trainyard_operator",
        description="Makes the cluster match each TrainingSession and tells the truth in its status.",
    )
    parser.add_argument("--config", type=Path, help="YAML file with settings (see docs)")
    options = parser.parse_args(arguments)
    try:
        settings, config = load(options.config), KubeConfig.find()
    except (OperatorError, ConfigError) as error:
        print(f"trainyard-operator: {error}", file=sys.stderr)  # noqa: T201  # there is no log yet
        return EXIT_CONFIGURATION
    logs.configure(settings.log_level)
    return asyncio.run(_run(Process(settings, config)))


async def _run(process: Process) -> int:
    log = structlog.stdlib.get_logger(__name__)
    log.info("starting", namespace=process.settings.namespace, server=process.config.server)
    try:
        await run(process)
    except Exception as error:
        log.error("stopped by a failure", error=str(error))
        return EXIT_FAILURE
    log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
