"""Every test says itself what it expects, and every case of a table has a telling name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from case_ids import is_telling
from failures import failures
from time_by_folder import totals

ROOT = Path(__file__).resolve().parents[3]
RAISING = {"pytest.raises", "pytest.warns", "pytest.fail", "expect"}
"""`expect` is Playwright's assertion: it fails where a page does not come to show something."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name.startswith("test"):
            yield node


def asserts(test: Function) -> bool:
    """Whether the test has an `assert` or one of RAISING; helpers that assert for it do not count."""
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in RAISING)
        for node in ast.walk(test)
    )


def test_every_test_has_an_assertion() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{test.lineno} {test.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for test in functions(ast.parse(path.read_text()))
        if not asserts(test)
    ]

    assert silent == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def test(): assert x", True),
        ("def test():\n with pytest.raises(ValueError): x()", True),
        ("async def test():\n for x in y: assert x", True),
        ("def test(): check(x)", False),
        ("def test(): eventually(lambda: x)", False),
    ],
    ids=["assert", "raises", "in a loop of a coroutine", "helper", "waits only"],
)
def test_what_counts_as_an_assertion(source: str, expected: bool) -> None:
    [test] = functions(ast.parse(source))

    assert asserts(test) is expected


@pytest.mark.parametrize("value", ["text", b"bytes", 3, 0.5, None, True, ast.Eq, len], ids=repr)
def test_what_names_its_case(value: object) -> None:
    assert is_telling(value)


@pytest.mark.parametrize(
    "value", [["a list"], {}, (1, 2), object(), "long" * 30], ids=lambda value: type(value).__name__
)
def test_what_needs_an_id(value: object) -> None:
    assert not is_telling(value)


def test_times_are_summed_by_folder() -> None:
    cases = [
        ("tests.e2e.test_rights", 2.0),
        ("tests.integration.gateway.test_store", 1.0),
        ("tests.integration.gateway.test_reports.TestAll", 4.0),
    ]

    assert totals(cases) == [("tests/integration/gateway", 2, 5.0), ("tests/e2e", 1, 2.0)]


def test_the_end_of_a_run_says_why_tests_failed(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    report.write_text(
        """<testsuites><testsuite>
        <testcase classname="tests.unit.test_a" name="test_good"/>
        <testcase classname="tests.unit.test_a" name="test_bad"><failure message="m">def f():
&gt;   assert 1 == 2
E   assert 1 == 2

a.py:1: AssertionError</failure></testcase>
        <testcase classname="tests.unit.test_a" name="test_plain"><error message="gone"/></testcase>
        </testsuite></testsuites>"""
    )

    assert list(failures(report)) == [
        "tests.unit.test_a::test_bad: failure\n  E   assert 1 == 2\n",
        "tests.unit.test_a::test_plain: error\n  gone\n",
    ]
