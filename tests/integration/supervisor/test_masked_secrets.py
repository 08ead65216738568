"""The values of a session's Secrets appear nowhere but in the program itself."""

from __future__ import annotations

import base64
import json
import sys
import urllib.parse
from pathlib import Path

from report_stand_in import ReportStandIn, report_stand_in
from supervisor_lab import Ended, SupervisorLab, python

TOKEN = "canary/5f1c+token"
KEY = "-----BEGIN CANARY-----\nY2FuYXJ5IGtleSBsaW5l\n-----END CANARY-----\n"
FORMS = (
    TOKEN,
    urllib.parse.quote(TOKEN, safe=""),
    base64.b64encode(TOKEN.encode()).decode().rstrip("="),
    base64.b64encode(KEY.encode()).decode()[:40],
    *KEY.splitlines(),
)

SHOWS = """
import base64, json, os, sys, time, urllib.parse
token, key = os.environ["HUB_TOKEN"], os.environ["HUB_KEY"]
assert token == sys.argv[1]
print("token", token, "and", urllib.parse.quote(token, safe=""))
print(base64.b64encode(f"{token}".encode()).decode(), base64.b64encode(key.encode()).decode())
print(json.dumps({"key": key}))
sys.stdout.write(token[:6]); sys.stdout.flush(); time.sleep(0.4); print(token[6:], flush=True)
os.write(1, b"10%\\r" + token.encode() + b"\\r\\n")
os.write(2, b"\\x1b[31m" + key.replace("\\n", "\\r\\n\\x1b[0m").encode())
os.write(1, b"x" * 16370 + token.encode() + b"\\n")
print("step 3/10 of", token)
open("own", "w").write(token)
open(sys.argv[2], "w").write(json.dumps({"message": f"no access with {token}", "end": {"step": 3}}))
sys.stdout.write(token)
sys.stdout.flush()
sys.exit(7)
"""


def everything(ended: Ended, lab: SupervisorLab, gateway: ReportStandIn) -> str:
    """All that can be read outside of the program, but for the files that it writes itself."""
    parts = [ended.out.decode(), ended.err.decode(), lab.message_file.read_text()]
    parts += [json.dumps(batch) for batch in gateway.batches.values()]
    parts += [f.read_text() for f in (lab.folder / "spool").rglob("*") if f.is_file()]
    return "\n".join(parts)


def test_no_form_of_a_value_leaves_the_program(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        given = lab.secret("hub", HUB_TOKEN=TOKEN, HUB_KEY=KEY)
        message = str(lab.message_file)
        ended = lab.run(*python(SHOWS), TOKEN, message, environment=given)
        found = everything(ended, lab, gateway)
        lines = gateway.lines()

    assert ended.code == 7
    assert [form for form in FORMS if form in found] == []
    assert lines[:4] == [
        "token *** and ***",
        "***= ******=",
        '{"key": "***\\n***\\n***\\n"}',
        "***",
    ]
    assert (ended.message["message"], ended.message["end"]["step"]) == ("no access with ***", 3)
    assert ended.message["lastLogLines"][-1] == "***"
    assert (tmp_path / "own").read_text() == TOKEN


def test_colours_within_a_value_do_not_show_it(tmp_path: Path) -> None:
    lab = SupervisorLab(tmp_path)
    given = lab.secret("hub", HUB_TOKEN=TOKEN)
    program = (
        "import os, sys\nred, off = '\\x1b[31m', '\\x1b[0m'\ntoken = os.environ['HUB_TOKEN']\n"
        "print('it', red + token[:5] + off + token[5:] + red)\n"
        "sys.stderr.write(red.join(token))"
    )
    ended = lab.run(*python(program), environment=given)

    assert ended.out == b"it \x1b[31m***\x1b[0m\x1b[31m\n"
    assert ended.err == b"***" + b"\x1b[31m" * (len(TOKEN) - 1)


def test_keys_whose_values_are_too_short_are_named_and_not_shown(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        given = lab.secret(
            "hub", HUB_TOKEN=TOKEN, HUB_PIN="90c17", HUB_LINES="one\ntwo\n", HUB_NO=""
        )
        ended = lab.run(*python("print('hello')"), environment=given)
        lines = gateway.lines()

    said = "values of less than 8 bytes are not masked in the log: hub/HUB_LINES, hub/HUB_PIN;"
    assert said.encode() in ended.err
    assert [line for line in lines if said in line and "90c17" not in line]
    assert b"90c17" not in ended.err


def test_long_values_need_no_word(tmp_path: Path) -> None:
    lab = SupervisorLab(tmp_path)
    given = lab.secret("hub", HUB_TOKEN=TOKEN, HUB_KEY=KEY)

    assert lab.run(*python("print('hello')"), environment=given).err == b""


def test_what_waits_on_the_volume_is_masked_as_well(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        gateway.answers = [503] * 1000
        lab = SupervisorLab(tmp_path, gateway)
        given = lab.secret("hub", HUB_TOKEN=TOKEN)
        program = "import os\nprint('it is', os.environ['HUB_TOKEN'])"
        process = lab.start(*python(program), environment=given)
        ended = lab.end(process)
        waiting = [f.read_text() for f in (tmp_path / "spool").rglob("*.json")]

    assert ended.out == b"it is ***\n"
    assert any("it is ***" in text for text in waiting)
    assert not any(TOKEN in text for text in waiting)


REPORTS = """
import os, sys, trainyard
from pathlib import Path
from trainyard.reporting.gateway_reporter import from_environment
token = os.environ["HUB_TOKEN"]
session = from_environment(Path("."), Path("secrets"))
session.line("info", f"logged {token}")
session.log({f"loss/{token}": 1.0}, step=1)
session.checkpoint(f"step-1-{token}", step=1)
sys.exit(0 if session.finish(20) else 1)
"""


def test_what_a_program_reports_itself_is_masked(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        given = lab.secret("hub", HUB_TOKEN=TOKEN)
        ended = lab.run(sys.executable, "-c", REPORTS, environment=given)
        found = everything(ended, lab, gateway)
        names = {name for _, name, _ in gateway.rows()}

    assert ended.code == 0, ended.err
    assert TOKEN not in found
    assert names == {"loss/***"}
    assert "logged ***" in gateway.lines()


def test_a_program_that_cannot_be_started_is_named_without_a_value(tmp_path: Path) -> None:
    lab = SupervisorLab(tmp_path)
    given = lab.secret("hub", PATH=f"/opt/{TOKEN}")
    ended = lab.run("nothing-of-this-name", environment=given)

    assert ended.code == 64
    assert TOKEN not in json.dumps(ended.message) + ended.err.decode()
    assert ended.message["reason"] == "ProgramNotFound"
