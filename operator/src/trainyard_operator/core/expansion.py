"""Texts that Kubernetes expands, written so that they reach the program unchanged.

In `command`, `args` and the values of `env` the kubelet replaces `$(NAME)` by the variable of that
name, and `$$` by `$` (`third_party/forked/golang/expansion` of Kubernetes).
"""

from __future__ import annotations


def escape(text: str) -> str:
    """`text` with each `$` doubled: the expansion of the result is `text`."""
    return text.replace("$", "$$")
