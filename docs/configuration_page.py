"""Write docs/configuration.md from the programs' settings and the pod contract.

`python docs/configuration_page.py [--check]`: --check writes nothing and exits with 1 if the page is
out of date.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUndefined

from trainyard.cli import config
from trainyard_api import contract
from trainyard_bot.settings import Chat
from trainyard_bot.settings import Settings as BotSettings
from trainyard_gateway.settings import Settings as GatewaySettings
from trainyard_gateway.sso_settings import GroupRights, SsoSettings
from trainyard_operator.settings import (
    EnvironmentSettings,
    FirstKey,
    RunAsSettings,
    RuntimeSettings,
)
from trainyard_operator.settings import Settings as OperatorSettings

PAGE = Path(__file__).parent / "configuration.md"
HEAD = """\
# Configuration

Generated from the programs' settings by `make manifests`; do not edit.

The chart writes these files from its [values](../charts/trainyard/README.md). Without the chart,
pass a file with `--config FILE.yaml`. Arguments override the environment, and the environment
overrides the file. A program refuses unknown names.
"""
PROGRAMS: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("The operator, `python -m trainyard_operator`", OperatorSettings, "TRAINYARD_OPERATOR_"),
    ("An entry of its `runtimes`", RuntimeSettings, ""),
    ("Its `environments`", EnvironmentSettings, ""),
    ("Its `runAs`", RunAsSettings, ""),
    ("Its `firstKey`", FirstKey, ""),
    ("The gateway, `python -m trainyard_gateway`", GatewaySettings, "TRAINYARD_GATEWAY_"),
    ("Its `sso`", SsoSettings, ""),
    ("An entry of `sso.groups`", GroupRights, ""),
    ("The bot, `python -m trainyard_bot`", BotSettings, "TRAINYARD_BOT_"),
    ("An entry of its `chats`", Chat, ""),
)


CACHES = (
    f"{contract.CACHE_DIR}{{0}}: kept by user; {contract.SCRATCH_CACHE_DIR}{{0}} in sessions without a"
    " user, where caches are switched off, or where the volume cannot be written."
)
ENVIRONMENTS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "A trainer's pod",
        "The operator sets these in every worker's pod. The built-in trainer and `import trainyard`"
        " read them.",
        (
            (contract.ENV_RUN, "The attempt as JSON: session, attempt, dataset, configuration."),
            (
                contract.ENV_GATEWAY_URL,
                "URL of the gateway. Without it or `TRAINYARD_RUN`, `trainyard.init()` reports nothing.",
            ),
            (
                contract.ENV_TOKEN_FILE,
                f"File with the pod's own token. Default: `{contract.TOKEN_FILE}`.",
            ),
            (
                contract.ENV_GRACE_SECONDS,
                "Seconds from the stop signal to SIGKILL, for the supervisor. "
                f"Default: {contract.GRACE_SECONDS}.",
            ),
            (
                contract.ENV_DATASETS_DIR,
                f"`{contract.DATASETS_DIR}`: a folder for each dataset that the session names. Not "
                "set if it names none.",
            ),
            (contract.ENV_ATTEMPT, "The attempt's number, from 1; the supervisor sets it."),
            (
                contract.ENV_LATEST_CHECKPOINT,
                "Path of the newest whole checkpoint in the run folder at the start of the attempt; "
                "not set without one. The supervisor sets it.",
            ),
            (contract.ENV_COMPLETION_INDEX, "The worker's number, from 0; Kubernetes sets it."),
            (
                "NVIDIA_VISIBLE_DEVICES",
                "void in sessions without GPUs; otherwise the device plugin says which are seen.",
            ),
            ("RANK", "With several workers: the worker's number, for torch.distributed."),
            ("WORLD_SIZE", "With several workers: their number."),
            ("MASTER_ADDR", "With several workers: the host name of worker 0."),
            (
                "MASTER_PORT",
                f"With several workers: the port of worker 0, {contract.RENDEZVOUS_PORT}.",
            ),
            (
                "LOCAL_RANK",
                "With several workers of at most one GPU: 0. Otherwise a launcher sets it.",
            ),
            ("LOCAL_WORLD_SIZE", "Beside `LOCAL_RANK`: 1."),
            ("NODE_RANK", "With several workers: the worker's number, for Lightning."),
            ("GROUP_RANK", "The same, as torchrun calls it."),
            ("PET_NNODES", "Number of workers: torchrun's `--nnodes`."),
            ("PET_NPROC_PER_NODE", "GPUs of a worker, at least 1: `--nproc-per-node`."),
            ("PET_NODE_RANK", "With several workers: the worker's number, `--node-rank`."),
            ("PET_MASTER_ADDR", "With several workers: as `MASTER_ADDR`."),
            ("PET_MASTER_PORT", "With several workers: as `MASTER_PORT`."),
        ),
    ),
    (
        "Defaults in a trainer's pod",
        "A runtime's `env` and a session's `spec.env` override these.",
        (
            ("HOME", "Scratch space at `/tmp`, empty at the start of each attempt."),
            ("USER", "trainyard; the image need not know the pod's user."),
            ("LOGNAME", "The same."),
            ("XDG_CACHE_HOME", CACHES.format("")),
            ("HF_HOME", CACHES.format("/huggingface")),
            ("TORCH_HOME", CACHES.format("/torch")),
            ("TRITON_CACHE_DIR", CACHES.format("/triton")),
            ("MPLCONFIGDIR", CACHES.format("/matplotlib")),
            ("ACCELERATE_USE_CPU", "true in sessions without GPUs."),
            ("PYTHONUNBUFFERED", "1: what a program prints is in its log at once."),
            ("COLUMNS", "200: lines of progress are not wrapped."),
            (
                "KUBEFLOW_TRAINER_SERVER_URL",
                "Where worker 0 may [report its status](supervisor.md#status-by-http); set by the"
                " supervisor.",
            ),
            ("KUBEFLOW_TRAINER_SERVER_TOKEN", "File with a token for it."),
            (
                "MLFLOW_TRACKING_URI",
                "Where [MLflow's clients](supervisor.md#mlflow) report; set by the supervisor, as are"
                " the two below.",
            ),
            ("MLFLOW_RUN_ID", "The session's run; on workers other than 0 a nested run of it."),
            (
                "MLFLOW_EXPERIMENT_ID",
                "The run's experiment, unless `MLFLOW_EXPERIMENT_NAME` is set.",
            ),
            ("TQDM_MININTERVAL", "5: seconds between two updates of a bar."),
            (
                "OMP_NUM_THREADS",
                "`resources.cpu` in whole cores, shared by one process per GPU; at least 1.",
            ),
        ),
    ),
    (
        "Packages",
        "The first three are read by the supervisor, the others by the builder of environments"
        " ([environments.md](environments.md)).",
        (
            (
                contract.ENV_ENVIRONMENT_DIR,
                "Folder with the session's packages over those of the runtime.",
            ),
            (contract.ENV_PROGRESS, "`off`: no progress is read from what the program prints."),
            (
                contract.ENV_EVENT_FILES,
                "`off`: [event files](supervisor.md#event-files) of the program are not followed.",
            ),
            (contract.ENV_STATUS_SERVER, "`off`: no status is taken by Kubeflow's protocol."),
            (contract.ENV_MLFLOW, "`off`: nothing is taken of MLflow's clients."),
            (contract.ENV_INDEX_URL, "URL of the package index. Default: uv's own."),
            (
                contract.ENV_INDEX_CA,
                "File with the certificates of the index's authorities. Default: the usual ones.",
            ),
            (
                contract.ENV_INDEX_CA_SOURCE,
                "What a refusal calls this file, such as the ConfigMap that it comes from.",
            ),
            (contract.ENV_INDEX_USERNAME, "User at the index."),
            (contract.ENV_INDEX_PASSWORD, "Password or token at the index."),
            (
                contract.ENV_ENVIRONMENTS_MAX_BYTES,
                "How much all environments together may take. Default: 20 GiB.",
            ),
        ),
    ),
    (
        "The command line",
        "Each of the first two overrides what `trainyard login` wrote. The Python client takes both as"
        " arguments instead.",
        (
            (config.URL, "Address of the gateway."),
            (config.KEY, "API key."),
            (
                "XDG_CONFIG_HOME",
                "Folder of the login file `trainyard/config`. Default: `~/.config`.",
            ),
            (
                "XDG_STATE_HOME",
                "Folder of the state of interrupted uploads. Default: `~/.local/state`.",
            ),
        ),
    ),
)


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for title, settings, prefix in PROGRAMS:
        parts.append(f"\n## {title}\n\n")
        environment = " Environment |" if prefix else ""
        parts.append(f"| Setting |{environment} Default | Meaning |\n")
        parts.append(f"| --- |{' --- |' if prefix else ''} --- | --- |\n")
        parts += rows(settings, prefix)
    for title, about, variables in ENVIRONMENTS:
        head = textwrap.fill(about, 100, break_long_words=False, break_on_hyphens=False)
        parts.append(f"\n## {title}\n\n{head}\n\n| Variable | Meaning |\n| --- | --- |\n")
        parts += [f"| `{name}` | {meaning} |\n" for name, meaning in variables]
    return "".join(parts)


def rows(settings: type[BaseModel], prefix: str) -> Iterator[str]:
    """One table row for each setting. Exits if a setting has no docstring."""
    for name, field in settings.model_fields.items():
        if not field.description:
            raise SystemExit(f"{settings.__name__}.{name} has no docstring")
        meaning = " ".join(field.description.split()).replace("|", "\\|")
        environment = f" `{prefix}{name.upper()}` |" if prefix else ""
        yield f"| `{to_camel(name)}` |{environment} {default(field)} | {meaning} |\n"
        if isinstance(field.default, BaseModel):
            yield from inner_rows(to_camel(name), type(field.default), "  |" if prefix else "")


def inner_rows(name: str, settings: type[BaseModel], environment: str) -> Iterator[str]:
    """A row for each setting within `name`; its variable of the environment takes all, as JSON."""
    for inner, field in settings.model_fields.items():
        if not field.description:
            raise SystemExit(f"{settings.__name__}.{inner} has no docstring")
        meaning = " ".join(field.description.split()).replace("|", "\\|")
        whole = f"{name}.{to_camel(inner)}"
        yield f"| `{whole}` |{environment} {default(field)} | {meaning} |\n"
        if isinstance(field.default, BaseModel):
            yield from inner_rows(whole, type(field.default), environment)


def default(field: Any) -> str:
    """The default as YAML text; `required` or `made at the start` if there is none."""
    if field.is_required():
        return "required"
    if field.default is PydanticUndefined:
        return "made at the start"
    if field.default is None:
        return ""
    if isinstance(field.default, BaseModel):
        return "as below"
    return f"`{json.dumps(field.default, default=str)}`".replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write or check the page. Returns the exit code."""
    wanted = page()
    if "--check" not in arguments:
        PAGE.write_text(wanted)
    elif not PAGE.exists() or PAGE.read_text() != wanted:
        sys.stderr.write(f"{PAGE} differs from the settings; run `make manifests`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
