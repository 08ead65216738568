"""The administrator's guide as a script: its commands and manifests, with the names of a real installation."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster import ROOT
from installation import RELEASE, Installation, image_tags, tools

GUIDE = ROOT / "docs" / "guides" / "administrator.md"


def section(heading: str) -> str:
    """The text below a heading, up to the next one of its rank or above."""
    text = GUIDE.read_text()
    rank = len(heading.partition(" ")[0])
    rest = text.partition(f"\n{heading}\n")[2]
    assert rest, f"{heading!r} is no heading of the guide"
    return re.split(rf"^#{{2,{rank}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def blocks(heading: str, *languages: str) -> list[str]:
    """Code of these languages below a heading."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", section(heading), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(text) for _, language, text in found if language in languages]


@dataclass
class Administrator:
    """Somebody who does what the guide says, word by word, in a folder of files that it names."""

    release: Installation
    folder: Path
    names: Mapping[str, str] = field(default_factory=dict)
    """More words of the guide that are called otherwise here."""

    def __post_init__(self) -> None:
        """Put the programs and the chart where the guide's commands find them."""
        programs = self.folder / "bin"
        programs.mkdir()
        for name in ("kubectl", "helm"):
            (programs / name).symlink_to(tools()[name])
        (programs / "trainyard").symlink_to(Path(sys.executable).parent / "trainyard")
        (self.folder / "charts").symlink_to(ROOT / "charts")
        (self.folder / "home").mkdir()

    def here(self, text: str) -> str:
        """The guide's names as they are in this installation."""
        for word, instead in self.names.items():
            text = text.replace(word, instead)
        tags = image_tags()
        for image in ("operator", "gateway", "trainer"):
            there = f"docker.io/trainyard/{image}:{tags[f'{image}.image.tag']}"
            text = re.sub(rf"registry\.example/trainyard/{image}:\w+", there, text)
        text = text.replace("kubectl -n trainyard", f"kubectl -n {self.release.namespace}")
        text = text.replace("--namespace trainyard", f"--namespace {self.release.namespace}")
        text = re.sub(
            r"\b(namespace|label namespace) trainyard\b", rf"\1 {self.release.namespace}", text
        )
        text = text.replace(
            "trainyard doctor", f"trainyard doctor --namespace={self.release.namespace}"
        )
        text = re.sub(r"\b(helm \w+(?: --install)?) trainyard\b", rf"\1 {RELEASE}", text)
        return re.sub(r"\btrainyard-(gateway|data|api-key)\b", rf"{RELEASE}-\1", text)

    def write(self, name: str, text: str) -> None:
        """A file that the guide's commands take."""
        (self.folder / name).write_text(text)

    def do(self, *scripts: str) -> str:
        """Run commands of the guide; what they said, both streams."""
        said = ""
        for script in scripts:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", self.here(script)],
                cwd=self.folder,
                env=self.environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            said += done.stdout + done.stderr
            assert done.returncode == 0, f"{self.here(script)}{done.stdout}{done.stderr}"
        return said

    def environment(self) -> dict[str, str]:
        """A login of its own, and the cluster's kubeconfig."""
        plain = {k: v for k, v in os.environ.items() if not k.startswith("TRAINYARD_")}
        return {
            **plain,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "XDG_CONFIG_HOME": str(self.folder / "home"),
            "KUBECONFIG": str(self.release.kubeconfig),
        }
