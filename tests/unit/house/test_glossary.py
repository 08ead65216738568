"""docs/glossary.md lists the terms in use, once each, with their sources; replaced names stay away."""

from __future__ import annotations

import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest
from prose import ROOT, markdown, tracked, words

GLOSSARY = ROOT / "docs" / "glossary.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in GLOSSARY.read_text().splitlines()
    if line.startswith("| ")
][2:]
TERMS = [row[0] for row in ROWS]
SOURCES = tracked("*/src/*.py")


@cache
def used() -> str:
    """All words of the programs."""
    return " ".join(words(path.read_text()) for path in SOURCES)


def occurs(term: str, text: str) -> bool:
    """Whether a term stands in a text of `words`, also in the plural."""
    return re.search(rf"\b{re.escape(words(term))}(s|es)?\b", text) is not None


def test_every_term_has_a_meaning_and_a_source() -> None:
    assert [row for row in ROWS if len(row) != 3 or not all(row)] == []


def test_terms_are_in_order_and_there_once() -> None:
    assert sorted(set(TERMS), key=words) == TERMS


@pytest.mark.parametrize("term", TERMS)
def test_the_programs_use_the_term(term: str) -> None:
    assert occurs(term, used())


@pytest.mark.parametrize(
    ("term", "text", "want"),
    [
        pytest.param("shadow time", "def shadow_time():", True, id="in snake case"),
        pytest.param("waiting queue", "class WaitingQueues:", True, id="in camel case, plural"),
        pytest.param("UID", "jobUID", True, id="an abbreviation"),
        pytest.param("lane", "planes", False, id="within another word"),
    ],
)
def test_terms_are_found(term: str, text: str, want: bool) -> None:
    assert occurs(term, words(text)) is want


REPLACED = {
    "Acceptance": "Admissibility",
    "Amount": "resources",
    "Arrival": "InboxEntry",
    "Arrivals": "Inbox",
    "Artist": "ChartRenderer",
    "Asker": "UserContext",
    "Background": "TaskSupervisor",
    "Bell": "EventWaiter",
    "Buckets": "TokenBuckets",
    "condemned": "failed by the operator",
    "crosses": "completes_block",
    "DatasetsAnswer": "DatasetsResponse",
    "equip": "wrap",
    "Feed": "Informer",
    "Fence": "LeaderElector",
    "FormDesk": "TrainFormHandlers",
    "Gang": "ProcessGroup",
    "GangBatchNorm": "SyncBatchNorm",
    "Gate": "middleware",
    "Gatekeeper": "Validator",
    "gave_no_way": "was_backfilled_past",
    "Guesses": "FailedLoginThrottle",
    "hear": "on_response",
    "held_back": "blocked",
    "HistoryAnswer": "HistoryResponse",
    "Holding": "Allocation",
    "Holdings": "allocations",
    "hopeless": "cannot start",
    "HttpGateway": "GatewayClient",
    "Intake": "report route",
    "Journal": "AuditLog",
    "judge": "evaluate",
    "keep_alone": "insert_exclusive",
    "keep_among_others": "insert_shared",
    "KeyRing": "ApiKeyStore",
    "KeysAnswer": "KeysResponse",
    "leads": "is_rank_zero",
    "Leftovers": "spool recovery",
    "LeftReports": "spool recovery",
    "LogsAnswer": "LogsResponse",
    "Memory": "DecisionCache, UploadState or StateStore",
    "MetricsAnswer": "MetricsResponse",
    "Mistake": "ParseError",
    "ModelsAnswer": "ModelsResponse",
    "Moment": "LocalTime",
    "note_of": "event_for",
    "NotingTransport": "TracingTransport",
    "on_news": "on_applied",
    "Outlook": "QueueForecast",
    "PartAnswer": "PartResponse",
    "Piece": "Part",
    "Places": "Paths",
    "PoisonousError": "UnparsableObject",
    "precise": "to_micros_text",
    "Prepared": "compiled statement",
    "Publisher": "status writer",
    "QueueAnswer": "QueueResponse",
    "QuietRun": "NoOpReporter",
    "Raw": "cluster objects",
    "Reach": "ConnectionOptions",
    "ReportingRun": "GatewayReporter",
    "Rim": "UpdateHandlers",
    "run_round": "scheduling cycle",
    "RunDesk": "SessionHandlers",
    "RunEnded": "session did not succeed",
    "Seen": "session status",
    "Senders": "Streams",
    "SendsFiles": "sendfile",
    "SeriesBook": "SeriesCache",
    "set_aside": "quarantine",
    "Site": "installation configuration",
    "_sort_in": "apply",
    "Standing": "SessionForecast",
    "StockDesk": "registry handlers",
    "Survey": "queue report",
    "Tally": "MetricAccumulator",
    "Tap": "CallbackData",
    "ToCome": "PendingWorkers",
    "Turn": "QueueHeads",
    "Turns": "QueueHeads",
    "twinless": "levels_with_odd_tail",
    "UndoneError": "TransactionRolledBack",
    "Verdict": "session state",
    "WaitingLine": "WaitingQueue",
    "Watcher": "Poller",
    "Wish": "session spec",
    "World": "cluster state",
}
"""Names of earlier versions, and what they are called now."""


def names(path: Path) -> set[str]:
    """The identifiers of a module."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def test_replaced_names_do_not_come_back() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name} is called {REPLACED[name]} now"
        for path in SOURCES
        for name in sorted(names(path) & set(REPLACED))
    ]
    # The changelog says what was renamed.
    for page in set(tracked("*.md")) - {ROOT / "CHANGELOG.md"}:
        for line in markdown(page.read_text(), str(page.relative_to(ROOT)), tables=True):
            for code in re.findall(r"`([^`]+)`", line.text):
                found += [
                    f"{line}: {name} is called {REPLACED[name]} now"
                    for name in re.findall(r"\w+", code)
                    if name in REPLACED
                ]

    assert found == []
