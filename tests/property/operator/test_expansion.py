"""What a person writes reaches the program as it was written, through Kubernetes' own expansion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from operator_state import CONFIG, make_session

from trainyard_operator.core import expansion
from trainyard_operator.core.manifests import build_job


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """The kubelet's expansion of a text (`k8s.io/kubernetes/third_party/forked/golang/expansion`).

    `$$` is `$`; `$(NAME)` is the variable, or stays where there is none; any other `$` stays.
    """
    out, cursor = [], 0
    while cursor < len(text):
        if text[cursor] != "$" or cursor + 1 == len(text):
            out.append(text[cursor])
            cursor += 1
        elif text[cursor + 1] == "$":
            out.append("$")
            cursor += 2
        elif text[cursor + 1] == "(" and (end := text.find(")", cursor + 2)) >= 0:
            name = text[cursor + 2 : end]
            out.append(variables.get(name, f"$({name})"))
            cursor = end + 1
        else:
            out.append(text[cursor : cursor + 2])
            cursor += 2
    return "".join(out)


# The cases of Kubernetes' own test of it.
KUBERNETES = [
    ("$(VAR_A)", "A"),
    ("___$(VAR_B)___", "___B___"),
    ("$$(VAR_B)_$(VAR_A)", "$(VAR_B)_A"),
    ("$$$(VAR_A)", "$A"),
    ("$(MISSING)", "$(MISSING)"),
    ("$VAR_A", "$VAR_A"),
    ("$(VAR_A", "$(VAR_A"),
    ("$$$$", "$$"),
    ("$)", "$)"),
    ("foo$", "foo$"),
]


@pytest.mark.parametrize(("text", "result"), KUBERNETES, ids=[text for text, _ in KUBERNETES])
def test_the_model_expands_as_kubernetes_does(text: str, result: str) -> None:
    assert expanded(text, {"VAR_A": "A", "VAR_B": "B"}) == result


hard = st.text(st.sampled_from("$()AVR_B {}\"'\\é\n")) | st.text()
variables = st.dictionaries(st.text(st.sampled_from("AVR_B"), max_size=3), st.just("!"))


@settings(max_examples=150)
@given(text=hard, known=variables)
@example(text="$5 $(HOME) $(NOPE) $$(HOME)", known={"HOME": "/tmp"})
def test_an_escaped_text_expands_to_itself(text: str, known: dict[str, str]) -> None:
    assert expanded(expansion.escape(text), known) == text


@settings(max_examples=100)
@given(words=st.lists(hard.filter(lambda t: max(t, default="") < "\ud800"), min_size=1, max_size=4))
def test_command_and_description_reach_the_pod_as_written(words: list[str]) -> None:
    session = make_session(workers=2)
    spec = {"command": words, "workers": 2, "outputModel": "m"}
    session = replace(session, spec=replace(session.spec, json=orjson.dumps(spec)))

    container = build_job(session, 1, ("n1", "n1"), CONFIG)["spec"]["template"]["spec"][
        "containers"
    ][0]

    known = {e["name"]: "!" for e in container["env"]}
    assert [expanded(word, known) for word in container["args"]] == words
    values = {e["name"]: expanded(e["value"], known) for e in container["env"] if "value" in e}
    assert values["TRAINYARD_GATEWAY_URL"] == CONFIG.gateway_url
    assert json.loads(values["TRAINYARD_RUN"])["outputModel"] == "m"


def test_a_column_with_a_dollar_reaches_the_trainer() -> None:
    session = make_session()
    training = {
        "task": "tabular-regression",
        "target": "price$$",
        "ignoreColumns": ["$(HOME)"],
    }
    dataset = {"name": "d", "file": "1/d.csv", "format": "csv", "sha256": "0" * 64}
    status = replace(session.status, dataset=orjson.dumps(dataset))
    spec = replace(
        session.spec,
        datasets=("d",),
        json=orjson.dumps({"training": training, "dataset": "d"}),
    )

    job = build_job(replace(session, spec=spec, status=status), 1, ("n1",), CONFIG)

    environment = job["spec"]["template"]["spec"]["containers"][0]["env"]
    [run] = [e["value"] for e in environment if e["name"] == "TRAINYARD_RUN"]
    read = json.loads(expanded(run, {"HOME": "/tmp"}))["training"]
    assert (read["target"], read["ignoreColumns"]) == ("price$$", ["$(HOME)"])
