"""The gateway's responses as typed models. Times are RFC 3339 texts, sizes are bytes.

Unknown fields are ignored, so that an older client understands a newer gateway.
"""

from __future__ import annotations

from trainyard.models.curves import (
    Curve,
    History,
    LogLine,
    Logs,
    Metrics,
    Point,
    RunHistory,
    Series,
    Value,
)
from trainyard.models.installation import (
    CreatedKey,
    Gpu,
    Key,
    Keys,
    Node,
    QueueInfo,
    Queues,
    System,
    Team,
    Teams,
    Usage,
    User,
    Users,
)
from trainyard.models.ledger import UsageGroup, UsagePage
from trainyard.models.page import Page
from trainyard.models.registry import (
    Dataset,
    DatasetEntry,
    DatasetFile,
    Datasets,
    FilePart,
    FileUpload,
    Model,
    Models,
    SchemaSummary,
    Uploads,
    UploadSummary,
)
from trainyard.models.runs import Run, RunDetails, Runs
from trainyard.models.sessions import (
    Ahead,
    Comparison,
    Estimate,
    Event,
    Queue,
    QueueEntry,
    Session,
    SessionPage,
)

__all__ = [
    "Ahead",
    "Comparison",
    "CreatedKey",
    "Curve",
    "Dataset",
    "DatasetEntry",
    "DatasetFile",
    "Datasets",
    "Estimate",
    "Event",
    "FilePart",
    "FileUpload",
    "Gpu",
    "History",
    "Key",
    "Keys",
    "LogLine",
    "Logs",
    "Metrics",
    "Model",
    "Models",
    "Node",
    "Page",
    "Point",
    "Queue",
    "QueueEntry",
    "QueueInfo",
    "Queues",
    "Run",
    "RunDetails",
    "RunHistory",
    "Runs",
    "SchemaSummary",
    "Series",
    "Session",
    "SessionPage",
    "System",
    "Team",
    "Teams",
    "UploadSummary",
    "Uploads",
    "Usage",
    "UsageGroup",
    "UsagePage",
    "User",
    "Users",
    "Value",
]
