"""The gateway's store: a database that ingests reports."""

from __future__ import annotations

from trainyard_gateway.store.database import Database
from trainyard_gateway.store.report_ingest import ReportIngest


class Store(Database, ReportIngest):
    """Both interfaces in one object, since reports and other writes share the writer.

    Code that needs only one of them declares that one.
    """
