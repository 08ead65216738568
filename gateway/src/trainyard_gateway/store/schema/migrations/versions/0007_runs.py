"""Runs and experiments, as MLflow's protocol knows them; values of metrics that share a step."""

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "experiments",
        sa.Column("id", sa.String(64), nullable=False, primary_key=True),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("lifecycle", sa.String(8), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "experiment_tags",
        sa.Column("experiment_id", sa.String(64), nullable=False),
        sa.Column("key", sa.String(250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", "key"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(32), nullable=False, primary_key=True),
        sa.Column("experiment_id", sa.String(64), nullable=False),
        sa.Column("session_uid", sa.String(64)),
        sa.Column("series_key", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user", sa.String(256), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(32)),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("end_time", sa.BigInteger()),
        sa.Column("lifecycle", sa.String(8), nullable=False),
    )
    op.create_index(
        "runs_by_experiment", "runs", ["experiment_id", "lifecycle", "start_time", "id"]
    )
    op.create_index("runs_by_session", "runs", ["session_uid"])
    op.create_index("runs_by_series", "runs", ["series_key"])
    op.create_table(
        "run_params",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "key"),
    )
    op.create_table(
        "run_tags",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "key"),
    )
    op.create_table(
        "run_inputs",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("digest", sa.String(36), nullable=False),
        sa.Column("context", sa.String(500), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "name", "digest"),
    )
    op.create_table(
        "run_outputs",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("model_id", sa.String(34), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "model_id"),
    )
    op.create_table(
        "repeated_points",
        sa.Column(
            "series_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("nan", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "step", "time", "nan", "value"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifacts",
        sa.Column("owner", sa.String(34), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "path"),
    )
    op.create_index("artifacts_by_content", "artifacts", ["owner", "sha256"])
    op.create_table(
        "logged_models",
        sa.Column("id", sa.String(34), nullable=False, primary_key=True),
        sa.Column("experiment_id", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("model_type", sa.String(500), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
    )
    op.create_index("logged_models_by_experiment", "logged_models", ["experiment_id", "created"])
    op.create_index("logged_models_by_run", "logged_models", ["run_id"])
    op.create_table(
        "registered_models",
        sa.Column("name", sa.String(128), nullable=False, primary_key=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
    )
    op.create_table(
        "model_versions",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("model_id", sa.String(34), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version"),
    )
    op.create_table(
        "model_aliases",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("alias", sa.String(255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "alias"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # SQLite bounds no text.
        op.alter_column("series", "name", type_=sa.String(250), existing_nullable=False)
    _make_runs_of_sessions()


def _make_runs_of_sessions() -> None:
    """Every session is a run."""
    known = sa.table(
        "sessions", sa.column("uid"), sa.column("name"), sa.column("created"), sa.column("object")
    )
    runs = sa.table("runs", *(sa.column(name) for name in _COLUMNS))
    connection = op.get_bind()
    rows = [_run_of(*row) for row in connection.execute(sa.select(known)) if len(row.uid) == 36]
    for start in range(0, len(rows), 500):
        connection.execute(sa.insert(runs), rows[start : start + 500])


_COLUMNS = (
    "id", "experiment_id", "session_uid", "series_key", "owner", "name", "user", "status", "phase",
    "start_time", "end_time", "lifecycle",
)  # fmt: skip
_STATUS = {"Succeeded": "FINISHED", "Failed": "FAILED", "Stopped": "KILLED", "Cancelled": "KILLED"}


def _run_of(uid: str, name: str, created: str, body: str) -> dict[str, object]:
    """The gateway corrects what the cluster tells otherwise when it starts."""
    found = json.loads(body)
    status = found.get("status") or {}
    phase = status.get("phase") or "Pending"
    user = (found["metadata"].get("labels") or {}).get("trainyard.io/user") or ""
    ended = status.get("completionTime")
    started = status.get("startTime") or created
    values = (
        uid.replace("-", ""), "0", uid, uid, user, name, user, _STATUS.get(phase, "SCHEDULED"),
        phase, _millis(started), _millis(ended) if ended else None, "active",
    )  # fmt: skip
    return dict(zip(_COLUMNS, values, strict=True))


def _millis(text: str) -> int:
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
