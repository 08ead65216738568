"""A program that cannot be started is refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainyard_supervisor.errors import CannotStart
from trainyard_supervisor.processes.program_start import start


def refused(*command: str, path: str = "/bin:/usr/bin") -> CannotStart:
    with pytest.raises(CannotStart) as caught:
        start(command, {"PATH": path}, 1, 2)
    return caught.value


def script(folder: Path, content: bytes, mode: int = 0o755) -> str:
    file = folder / "script"
    file.write_bytes(content)
    file.chmod(mode)
    return str(file)


def test_a_program_that_is_not_there() -> None:
    error = refused("nosuchprogram")

    assert error.reason == "ProgramNotFound"
    assert error.message == "there is no program 'nosuchprogram' in PATH (/bin:/usr/bin)"
    assert "spec.command" in error.hint


def test_a_path_that_is_not_there() -> None:
    assert refused("./nosuch").message == "there is no program './nosuch'"


def test_a_folder(tmp_path: Path) -> None:
    assert refused(str(tmp_path)).message == f"'{tmp_path}' is a folder, not a program"


def test_a_file_that_is_not_executable(tmp_path: Path) -> None:
    file = script(tmp_path, b"#!/bin/sh\n", mode=0o644)
    error = refused(file)

    assert error.reason == "ProgramNotExecutable"
    assert error.message == f"'{file}' is not executable for user {os.getuid()}"
    assert error.hint == f"chmod +x it, or start it by its interpreter, such as: python3 {file}"


NO_INTERPRETER = [
    pytest.param(
        b"#!/no/python\n", "names the interpreter '/no/python', which is not", id="missing"
    ),
    pytest.param(b"#!/bin/sh\r\n", "the lines of ", id="Windows"),
    pytest.param(b"echo no first line\n", "neither a program for this machine nor", id="no line"),
    pytest.param(b"\x7fELF garbage", "neither a program for this machine nor", id="no program"),
]


@pytest.mark.parametrize(("content", "says"), NO_INTERPRETER)
def test_a_script_without_its_interpreter(tmp_path: Path, content: bytes, says: str) -> None:
    error = refused(script(tmp_path, content))

    assert error.reason == "ProgramNotExecutable"
    assert says in error.message


def test_arguments_that_the_system_does_not_take() -> None:
    assert refused("echo", "a\0b").reason == "BadCommand"
    assert refused("echo", "x" * (4 << 20)).reason == "BadCommand"
