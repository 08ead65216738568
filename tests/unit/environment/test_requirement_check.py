"""What passes as a requirement, what is refused and why; files as pip reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_environment.errors import CannotBuild
from trainyard_environment.request.asked import Asked
from trainyard_environment.request.project import of_project, of_script
from trainyard_environment.request.reading import of_lines
from trainyard_environment.request.requirement import requirement
from trainyard_environment.request.requirements_file import (
    RequirementsReader,
    decoded,
    logical_lines,
)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("torch", "torch"),
        ("Torch_Vision", "torch-vision"),
        ("a.b-c_d>=1,<2", "a-b-c-d"),
        ("name == 1.0", "name"),
        ("name==1.*", "name"),
        ("name!=1.0,>=0.5", "name"),
        ("name~=1.4.2", "name"),
        ("name===1.0-odd", "name"),
        ("name==1!2.0.post1+local.1", "name"),
        ("name (>=1.0)", "name"),
        ("name[extra]", "name"),
        ("name[a, b-c]>=1", "name"),
        ("name; python_version < '3.11'", "name"),
        ("name>=1 ; sys_platform == \"linux\" and extra == 'x'", "name"),
        ("open_clip_torch[training]==3.3.0", "open-clip-torch"),
    ],
)
def test_a_requirement_passes(line: str, name: str) -> None:
    assert requirement(line, "here").name == name


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("git+https://host/x", "repository"),
        ("x @ git+ssh://git@host/x", "repository"),
        ("git@host:x.git", "repository"),
        ("https://host/x.whl", "URL"),
        ("x @ http://169.254.169.254/latest", "URL"),
        ("x@https://host/x.whl", "URL"),
        ("file:///etc/passwd", "file or folder"),
        ("x @ file:../x", "file or folder"),
        ("./x", "file or folder"),
        ("../x", "file or folder"),
        ("/abs/x", "file or folder"),
        ("~/x", "file or folder"),
        ("C:\\x\\y", "file or folder"),
        ("x-1.0-py3-none-any.whl", "file or folder"),
        ("x-1.0.tar.gz", "file or folder"),
        ("x==$VERSION", "variable"),
        ("${x}", "variable"),
        ("numpy=1.26.4=py311h64a7726_0", "conda"),
        ("numpy=1.26", "conda"),
        ("two words", "no requirement"),
        ("name==", "no requirement"),
        ("name>>1", "no requirement"),
        ("-x", "no requirement"),
        ("", "no requirement"),
        ("name\x00", "no requirement"),
        ("näme", "no requirement"),
        pytest.param("x" * 1001, "longer than", id="long"),
    ],
)
def test_a_line_is_refused_with_its_reason(line: str, why: str) -> None:
    with pytest.raises(CannotBuild, match=re.escape(why)) as refusal:
        requirement(line, "here")

    assert refusal.value.message.startswith("here: ")
    assert refusal.value.hint


T = TypeVar("T")


def tried(call: Callable[[], T]) -> T | CannotBuild:
    """What it returns, or the refusal."""
    try:
        return call()
    except CannotBuild as refusal:
        return refusal


@given(st.text(max_size=60) | st.from_regex(r"[a-z]{1,5}[@$:/=<>\[\]; .+-]{0,6}[a-z0-9:/.]{0,12}"))
def test_what_passes_names_no_place(line: str) -> None:
    """It holds no URL, path, variable or second line, so that uv looks nowhere but at the index."""
    found = tried(lambda: requirement(line, "here"))
    if isinstance(found, CannotBuild):
        assert found.reason == "RequirementRefused"
        return

    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", found.name)
    assert not set(found.text) & set("@/$\\\n\r:#%{}`|&\0")


@given(st.lists(st.text(max_size=40), max_size=20))
def test_any_list_is_understood_or_refused(lines: list[str]) -> None:
    found = tried(lambda: of_lines(lines))

    assert isinstance(found, CannotBuild) or len(found.requirements) <= len(lines)


def read_of(files: Mapping[str, str]) -> Asked:
    def read(path: str) -> str:
        if path not in files:
            raise CannotBuild("RequirementsMissing", f"no {path}")
        return files[path]

    return RequirementsReader(read, lambda _folder, extras: Asked(notes=tuple(extras))).file(
        "r.txt"
    )


@given(st.text(max_size=200))
def test_any_file_is_understood_or_refused(text: str) -> None:
    found = tried(lambda: read_of({"r.txt": text}))

    assert isinstance(found, Asked) or found.message


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("a\nb\n", [(1, "a"), (2, "b")], id="two"),
        pytest.param("# x\n\n  a  # y\n", [(3, "a")], id="comments"),
        pytest.param("a \\\n  >=1\nb", [(1, "a    >=1"), (3, "b")], id="continued"),
        pytest.param("a#b", [(1, "a#b")], id="no comment"),
        pytest.param("a\r\nb\r\n", [(1, "a"), (2, "b")], id="Windows"),
        pytest.param("# x \\\na", [(2, "a")], id="comment with a backslash"),
        pytest.param("a \\", [(1, "a")], id="backslash at the end"),
    ],
)
def test_lines_are_those_of_pip(text: str, lines: list[tuple[int, str]]) -> None:
    assert list(logical_lines(text)) == lines


def test_files_that_name_each_other_end() -> None:
    with_circle = {"r.txt": "a\n-r s.txt", "s.txt": "b\n-r r.txt\n-c c.txt", "c.txt": "a<2"}

    found = read_of(with_circle)

    assert [one.text for one in found.requirements] == ["a", "b"]
    assert [one.text for one in found.constraints] == ["a<2"]


def test_files_that_lead_ever_deeper_are_refused() -> None:
    files = {"r.txt": "-r 0.txt"} | {f"{n}.txt": f"-r {n + 1}.txt" for n in range(20)}

    with pytest.raises(CannotBuild, match="10 times deep"):
        read_of(files)


def test_hashes_belong_to_their_line() -> None:
    (one,) = read_of(
        {"r.txt": "a==1 \\\n --hash=sha256:AB \\\n --hash sha256:cd ; \n"}
    ).requirements

    assert (one.name, one.pinned, one.hashes) == ("a", "1", ("sha256:ab", "sha256:cd"))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param("a\n".encode("utf-8-sig"), "a\n", id="mark of UTF-8"),
        pytest.param("a\n".encode("utf-16"), "a\n", id="as Windows' shell writes"),
    ],
)
def test_marks_of_encodings_are_understood(content: bytes, text: str) -> None:
    assert decoded(content, "r.txt") == text


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(CannotBuild, match="not text of UTF-8"):
        decoded(b"\xff\xfe\x00", "r.txt")


HEAD = "#!/usr/bin/env python3\n# /// script\n"


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        pytest.param(
            f'{HEAD}# dependencies = ["a", "b>=1"]\n# ///\n', ["a", "b>=1"], id="one line"
        ),
        pytest.param(
            f'{HEAD}# dependencies = [\n#   "a",\n# ]\n#\n# [tool.x]\n# y = 1\n# ///\n',
            ["a"],
            id="more lines",
        ),
        pytest.param(
            f'{HEAD}# dependencies = ["a"]\n# ///\n'.replace("\n", "\r\n"), ["a"], id="Windows"
        ),
        pytest.param(f"{HEAD}# dependencies = []\n# ///\n", [], id="empty"),
    ],
)
def test_the_header_of_a_script_is_read(text: str, needs: list[str]) -> None:
    found = of_script(text, "a.py")

    assert found is not None
    assert [one.text for one in found.requirements] == needs


@pytest.mark.parametrize("text", ["print(1)", "# /// script\n# dependencies = []\n", "# /// other\n# ///\n"])  # fmt: skip
def test_a_script_without_a_whole_header_has_none(text: str) -> None:
    assert of_script(text, "a.py") is None


PROJECT = '[project]\nname = "own"\ndependencies = {needs}\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (PROJECT.format(needs='"a"'), "dependencies is no list"),
        (PROJECT.format(needs="[1]"), "dependencies is no list"),
        (PROJECT.format(needs='["a @ https://h/a"]'), "URL"),
        (PROJECT.format(needs="[]") + 'requires-python = "$(x)"', "no versions of Python"),
        ("[build-system]", "no table"),
        pytest.param("a" * 3000 + "=", "is no TOML", id="long"),
        pytest.param("x=" + "[" * 5000, "is no TOML", id="deep"),
    ],
)
def test_a_project_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(CannotBuild, match=re.escape(why)):
        of_project(lambda _path: text, "", ())
