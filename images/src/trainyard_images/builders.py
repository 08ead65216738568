"""Docker if an engine answers, else buildah. Both build the Dockerfile, one archive per image."""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trainyard_images import base
from trainyard_images.command import run
from trainyard_images.errors import NotPossible
from trainyard_images.recipe import Recipe

BASE_REFERENCE = f"localhost/trainyard/base:{base.version()}"
REGISTRY_BASE = "docker.io/library/python:3.14-slim"
"""The base of an engine that names none. Its digest is looked up when an image is built."""


class Builder(Protocol):
    """Builds a target and saves it."""

    def base_key(self) -> str:
        """The base of the images, for their content hash."""

    def prepare(self, log: Path) -> None:
        """Install what the first build needs."""

    def build(self, recipe: Recipe, reference: str, archive: Path, log: Path) -> None:
        """Build `recipe` as `reference` and save it to `archive`."""


def docker_answers() -> bool:
    """Whether a Docker engine answers (a client alone does not count)."""
    program = shutil.which("docker")
    if program is None:
        return False
    return subprocess.run([program, "info"], capture_output=True, check=False).returncode == 0


def ca_bundle() -> Path | None:
    """The CA bundle that this machine's programs trust, if it is a file."""
    named = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    return Path(named) if named and Path(named).is_file() else None


def name_and_tag(reference: str) -> tuple[str, str]:
    """Split `python:3.14-slim@sha256:…` into `python` and the rest.

    Raises NotPossible without a tag and, unless the image is local, without a digest: the content
    would be unknown.
    """
    name, _, digest = reference.partition("@")
    bare, _, tag = name.rpartition(":")
    if not bare or "/" in tag:
        raise NotPossible(f"the base image {reference} needs a tag, such as python:3.14-slim")
    if digest:
        return bare, f"{tag}@{digest}"
    if not bare.startswith("localhost/"):
        raise NotPossible(
            f"the base image {reference} needs its digest, such as {reference}@sha256:…, because the "
            f"content behind a tag changes; `docker buildx imagetools inspect {reference}` shows it"
        )
    return bare, tag


def pinned(reference: str, repository_digest: str) -> str:
    """`reference` with the digest in the engine's `name@sha256:…`.

    Raises NotPossible if the engine gives none.
    """
    digest = repository_digest.strip().partition("@")[2]
    if not digest.startswith("sha256:"):
        raise NotPossible(f"the engine names no digest of {reference}; name one by --base-image")
    return f"{reference}@{digest}"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command."""

    root: Path
    cache: Path
    base_image: str | None = None
    torch_from: str | None = None
    torch_index: str | None = None
    torch_lock: str | None = None

    def check(self) -> None:
        """Raise NotPossible for a base without a digest, or an index without its own lock."""
        if self.base_image:
            name_and_tag(self.base_image)
        if self.torch_index and not self.torch_lock:
            raise NotPossible(
                "--torch-index needs --torch-lock, pins with the hashes of that index: "
                "`uv pip compile --universal --generate-hashes --default-index INDEX "
                "requirements/trainer-torch.in -o requirements/my-torch.lock` makes them"
            )
        if self.torch_lock and not (self.root / self.torch_lock).is_file():
            raise NotPossible(f"there is no lock {self.torch_lock} below {self.root}")

    def torch_key(self, torch_from: str) -> str:
        """What torch the trainer gets, for the images' content hash."""
        if torch_from != "index" or self.torch_lock is None:
            return torch_from
        pins = hashlib.sha256((self.root / self.torch_lock).read_bytes()).hexdigest()
        return f"{torch_from} {self.torch_index or ''} {pins}"

    def arguments(self, base_image: str | None, torch_from: str) -> list[str]:
        """Build arguments for either builder."""
        name, tag = name_and_tag(base_image) if base_image else (None, None)
        values = {
            "BASE_IMAGE": name,
            "BASE_TAG": tag,
            "TORCH_FROM": torch_from,
            "TORCH_INDEX": self.torch_index,
            "TORCH_LOCK": self.torch_lock,
        }
        return [f"--build-arg={name}={value}" for name, value in values.items() if value]


class Docker:
    """`docker build` with BuildKit."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._base = options.base_image

    def base_key(self) -> str:
        torch = self._options.torch_key(self._options.torch_from or "index")
        return f"{self._options.base_image or 'registry'} {torch}"

    def prepare(self, log: Path) -> None:
        """Look up the digest of the base, unless one is named; the log names it."""
        if self._base is None:
            run(["docker", "pull", "--quiet", REGISTRY_BASE], log)
            found = ["docker", "image", "inspect", "--format={{index .RepoDigests 0}}"]
            self._base = pinned(REGISTRY_BASE, run([*found, REGISTRY_BASE], log))

    def build(self, recipe: Recipe, reference: str, archive: Path, log: Path) -> None:
        options = self._options
        arguments = options.arguments(self._base, options.torch_from or "index")
        bundle = ca_bundle()
        secret = [f"--secret=id=ca,src={bundle}"] if bundle else []
        run(
            [
                "docker",
                "build",
                f"--target={recipe.target}",
                f"--tag={reference}",
                *arguments,
                *secret,
                ".",
            ],
            log,
            cwd=options.root,
            env={"DOCKER_BUILDKIT": "1"},
        )
        temporary = archive.with_suffix(".saving")
        run(["docker", "save", f"--output={temporary}", reference], log)
        temporary.replace(archive)


class Buildah:
    """buildah without an engine, with separate storage below the cache."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._storage = options.cache / "storage"

    def base_key(self) -> str:
        torch = self._options.torch_key(self._torch_from())
        return f"{self._options.base_image or base.version()} {torch}"

    def prepare(self, log: Path) -> None:
        """Install the tools, and the base image unless one is named."""
        if os.geteuid() != 0:
            raise NotPossible("building without a Docker engine needs root: run it with sudo")
        base.ensure_tools(log)
        if self._options.base_image or self._exists(BASE_REFERENCE, log):
            return
        tree = self._options.cache / f"root-{base.version()}"
        base.root_tree(tree, log)
        container = self._buildah(log, "from", "scratch").strip()
        try:
            self._buildah(log, "add", "--quiet", container, str(tree), "/")
            self._buildah(log, "commit", "--quiet", container, BASE_REFERENCE)
        finally:
            self._buildah(log, "rm", container)
        shutil.rmtree(tree)

    def build(self, recipe: Recipe, reference: str, archive: Path, log: Path) -> None:
        image = self._options.base_image or BASE_REFERENCE
        bundle = ca_bundle()
        self._buildah(
            log,
            "build",
            "--layers",
            "--pull=true" if self._options.base_image else "--pull=never",
            f"--target={recipe.target}",
            f"--tag={reference}",
            *self._options.arguments(image, self._torch_from()),
            *([f"--secret=id=ca,src={bundle}"] if bundle else []),
            ".",
        )
        temporary = archive.with_suffix(".saving")
        temporary.unlink(missing_ok=True)
        self._buildah(log, "push", "--quiet", reference, f"docker-archive:{temporary}:{reference}")
        temporary.replace(archive)

    def _torch_from(self) -> str:
        default = "index" if self._options.base_image else "distribution"
        return self._options.torch_from or default

    def _exists(self, reference: str, log: Path) -> bool:
        names = self._buildah(log, "images", "--format={{.Name}}:{{.Tag}}")
        return reference in names.split()

    def _buildah(self, log: Path, *arguments: str) -> str:
        run_root = self._storage / "run"
        return run(
            ["buildah", f"--root={self._storage / 'root'}", f"--runroot={run_root}", *arguments],
            log,
            cwd=self._options.root,
            env={
                "STORAGE_DRIVER": "overlay",
                "BUILDAH_ISOLATION": "chroot",
                "TMPDIR": str(_folder(self._options.cache / "tmp")),
            },
        )


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
