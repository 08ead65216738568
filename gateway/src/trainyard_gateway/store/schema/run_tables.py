"""The tables of runs and experiments, as MLflow's protocol knows them.

Times are milliseconds since the epoch, as in that protocol. The metrics of a run are in `series`
and `metrics`, like those of every session.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

metadata = MetaData()
"""All tables of the database; `tables` adds the others."""

experiments = Table(
    "experiments",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(500), nullable=False, unique=True),
    Column("lifecycle", String(8), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
)
"""Experiments; `lifecycle` is active or deleted."""

experiment_tags = Table(
    "experiment_tags",
    metadata,
    Column("experiment_id", String(64), nullable=False),
    Column("key", String(250), nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("experiment_id", "key"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("experiment_id", String(64), nullable=False),
    Column("session_uid", String(64)),
    Column("series_key", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("user", String(256), nullable=False),
    Column("status", String(16), nullable=False),
    Column("phase", String(32)),
    Column("start_time", BigInteger, nullable=False),
    Column("end_time", BigInteger),
    Column("lifecycle", String(8), nullable=False),
    Index("runs_by_experiment", "experiment_id", "lifecycle", "start_time", "id"),
    Index("runs_by_session", "session_uid"),
    Index("runs_by_series", "series_key"),
    Index("runs_by_start", "lifecycle", "start_time", "id"),
)
"""Runs.

`session_uid`: the session whose run it is or whose program made it, NULL of a local run;
`series_key`: the UID of the session for its own run, the run's id for others: what `series` calls
a session UID; `phase`: the session's phase for its own run, NULL for others; `owner`: name of the
API key that made a local run; `lifecycle`: active or deleted.
"""

run_params = Table(
    "run_params",
    metadata,
    Column("run_id", String(32), nullable=False),
    Column("key", String(250), nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "key"),
)

run_tags = Table(
    "run_tags",
    metadata,
    Column("run_id", String(32), nullable=False),
    Column("key", String(250), nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "key"),
)

run_inputs = Table(
    "run_inputs",
    metadata,
    Column("run_id", String(32), nullable=False),
    Column("name", String(500), nullable=False),
    Column("digest", String(36), nullable=False),
    Column("context", String(500), nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "name", "digest"),
)
"""Datasets that runs used; `body` is a RunInput as JSON."""

run_outputs = Table(
    "run_outputs",
    metadata,
    Column("run_id", String(32), nullable=False),
    Column("model_id", String(34), nullable=False),
    Column("step", BigInteger, nullable=False),
    PrimaryKeyConstraint("run_id", "model_id"),
)

repeated_points = Table(
    "repeated_points",
    metadata,
    Column("series_id", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("nan", Boolean, nullable=False),
    Column("value", Double, nullable=False),
    PrimaryKeyConstraint("series_id", "step", "time", "nan", "value"),
    sqlite_with_rowid=False,
)
"""Values of a metric beside the newest one of the same step, which is in `metrics`.

A NaN has the value 0 and `nan`.
"""

artifacts = Table(
    "artifacts",
    metadata,
    Column("owner", String(34), nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner", "path"),
    Index("artifacts_by_content", "owner", "sha256"),
)
"""Files of runs and of logged models (`owner`), by path; the content is named by its hash."""

logged_models = Table(
    "logged_models",
    metadata,
    Column("id", String(34), primary_key=True),
    Column("experiment_id", String(64), nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("name", String(500), nullable=False),
    Column("model_type", String(500), nullable=False),
    Column("status", String(32), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("params", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Index("logged_models_by_experiment", "experiment_id", "created"),
    Index("logged_models_by_run", "run_id"),
)
"""Logged models; `params` and `tags` are objects as JSON."""

logged_model_values = Table(
    "logged_model_values",
    metadata,
    Column("model_id", String(34), nullable=False),
    Column("key", String(250), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("nan", Boolean, nullable=False),
    Column("value", Double, nullable=False),
    Column("dataset_name", String(500), nullable=False),
    Column("dataset_digest", String(36), nullable=False),
    PrimaryKeyConstraint("model_id", "key", "time", "step", "run_id", "nan", "value"),
)
"""Values of metrics of logged models, which are values of the run too that measured them.

`time` is in milliseconds since the epoch. A NaN has the value 0 and `nan`.
"""

registered_models = Table(
    "registered_models",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("description", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("tags", Text, nullable=False),
    Column("session_uid", String(64)),
)
"""What MLflow's protocol says of a model beside its versions, which are in `models`.

`session_uid`: the session whose program made the row, NULL of one that an API key made.
"""

model_versions = Table(
    "model_versions",
    metadata,
    Column("name", String(128), nullable=False),
    Column("version", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("run_id", String(32), nullable=False),
    Column("model_id", String(34), nullable=False),
    Column("description", Text, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("tags", Text, nullable=False),
    Column("stage", String(16), nullable=False, server_default="None"),
    Column("run_link", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("name", "version"),
)
"""What MLflow's protocol says of a version in `models`."""

model_aliases = Table(
    "model_aliases",
    metadata,
    Column("name", String(128), nullable=False),
    Column("alias", String(255), nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("name", "alias"),
)
