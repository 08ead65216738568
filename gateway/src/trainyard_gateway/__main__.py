"""Runs the gateway: `python -m trainyard_gateway [--config FILE] [--host HOST] [--port PORT] …`.

`--help` lists every option. Options override the environment, which overrides the file.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import socket
import sys
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import start_http_server

from trainyard_gateway import settings as configuration
from trainyard_gateway.app import create_app
from trainyard_gateway.errors import SettingsError
from trainyard_gateway.heap import give_back_large_blocks
from trainyard_gateway.http.protocol import bounded_protocol
from trainyard_gateway.settings import Settings
from trainyard_kube import KubeConfig, errors

SHUTDOWN_SECONDS = 4
GARBAGE_AFTER = 50_000
"""Allocations before the collector looks for cycles. Reports allocate much and hardly make cycles:
with Python's default of 700 the collector took a third of the time of large reports."""


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code: 2 for wrong settings, 3 if no start."""
    options = _parser().parse_args(arguments)
    given = {
        "host": options.host,
        "port": options.port,
        "namespace": options.namespace,
        "data_dir": options.data_dir,
        "api_key_file": options.api_key_file,
        "api_key": options.api_key,
    }
    try:
        settings = configuration.load(options.config, given)
        settings.admin_key()
        config = KubeConfig.find()
    except (SettingsError, errors.ConfigError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    _log_to_stderr(settings.log_level)
    # Files of the volume belong to the group of the pods.
    os.umask(0o007)
    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, addr=settings.host)
    give_back_large_blocks()
    app = create_app(settings, config)
    server = _Server(_server_config(app, settings))
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, 50, 100)
    server.run()
    return 0 if server.started else 3


def _server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        http=bounded_protocol(settings.trusted_proxies),
        # Without trusted proxies no header is believed, not even from the gateway's own machine.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )


class _Server(uvicorn.Server):
    """Ends the event streams before it waits for open connections."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app = self.config.app
        services = getattr(app.state, "services", None) if isinstance(app, FastAPI) else None
        if services is not None:
            services.hub.stop()
        await super().shutdown(sockets)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trainyard_gateway", description="The REST API of Trainyard."
    )
    parser.add_argument("--config", type=Path, help="YAML file")
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on")
    parser.add_argument("--namespace", help="namespace of sessions")
    parser.add_argument("--data-dir", type=Path, help="database, datasets, models and runs")
    parser.add_argument("--api-key-file", type=Path, help="file with the administrator's key")
    parser.add_argument(
        "--api-key",
        help="the administrator's key itself, for trying things out: it shows in the process list",
    )
    return parser


def _log_to_stderr(level: str) -> None:
    """Log JSON lines to stderr, those of libraries as they are."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=number, stream=sys.stderr, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
