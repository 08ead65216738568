"""Kueue's manager as a process beside a cluster, started and stopped as the operator is."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import kueue_manifests
import kueue_program
import yaml
from cluster import find_kubectl
from poll import eventually
from ports import free_port
from rich.console import Console

from trainyard_cluster.programs import parts
from trainyard_cluster.progress import Progress


class Kueue:
    """The manager of the pinned version with its CRDs, webhooks and queues."""

    def __init__(self, kubeconfig: Path, folder: Path, host: str) -> None:
        """`host`: this machine's address as the API server reaches it."""
        self._kubeconfig, self._folder = kubeconfig, folder
        self._program, chart = kueue_program.obtain()
        helm = parts.obtain({"helm"}, Progress(Console())) / "helm"
        values = yaml.safe_load((chart / "values.yaml").read_text())
        shipped = yaml.safe_load(values["managerConfig"]["controllerManagerConfigYaml"])
        self._certificates = folder / "certificates"
        self._certificates.mkdir(exist_ok=True)
        self._health = free_port()
        self._configuration = kueue_manifests.configuration(
            shipped, self._certificates, self._health
        )
        namespace = kueue_manifests.NAMESPACE
        argv = [helm, "template", "kueue", chart, "--namespace", namespace, "--include-crds"]
        shown = subprocess.run(argv, check=True, capture_output=True, text=True)
        self._rendered = [d for d in yaml.safe_load_all(shown.stdout) if d]
        self._port = self._configuration["webhook"]["port"]
        self._host = host
        self.process: subprocess.Popen[bytes] | None = None

    def _kubectl(self, *arguments: str, body: Any = None) -> str:
        text = yaml.safe_dump_all(body) if body is not None else None
        argv = [find_kubectl(), f"--kubeconfig={self._kubeconfig}", *arguments]
        done = subprocess.run(argv, input=text, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"kubectl {' '.join(arguments)}: {done.stderr[-2000:]}")
        return done.stdout

    def start(self) -> None:
        """Install what it needs, start it, and wait until its leader's workers run."""
        objects = kueue_manifests.objects(self._rendered, self._host, self._port)
        self._kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", body=objects)
        hooks = kueue_manifests.webhooks(self._rendered)
        self._kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", body=hooks)
        config = self._folder / "kueue.yaml"
        config.write_text(yaml.safe_dump(self._configuration))
        argv = [self._program, f"--config={config}", "--zap-log-level=2"]
        argv.append("--feature-gates=VisibilityOnDemand=false")
        with (self._folder / "kueue.log").open("wb") as log:
            self.process = subprocess.Popen(
                argv,
                env={**os.environ, "KUBECONFIG": str(self._kubeconfig)},
                stdout=log,
                stderr=log,
            )
        eventually(self._ready, within=180, every=0.3, what="Kueue ready")

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"Kueue ended: {self._log()[-2000:]}")
        self._take_certificates()
        log = self._log()
        assert "Starting workers" in log, log[-1000:]
        assert '"replica-role":"leader"' in log, log[-1000:]
        try:
            url = f"http://127.0.0.1:{self._health}/readyz"
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _log(self) -> str:
        return (self._folder / "kueue.log").read_text()

    def _take_certificates(self) -> None:
        """What the kubelet does with the Secret of a pod."""
        name, namespace = kueue_manifests.CERTIFICATE, kueue_manifests.NAMESPACE
        secret = json.loads(self._kubectl("get", "secret", "-n", namespace, name, "-o", "json"))
        for key, value in (secret.get("data") or {}).items():
            file, content = self._certificates / key, base64.b64decode(value)
            if not file.exists() or file.read_bytes() != content:
                file.write_bytes(content)

    def create_queue(self, namespace: str, gpus: int) -> None:
        """A queue `default` of a namespace."""
        body = kueue_manifests.queue(namespace, gpus)
        self._kubectl("apply", "--server-side", "-f", "-", body=body)

    def delete_queue(self, namespace: str) -> None:
        """Remove the queue when none of its Workloads is left."""
        for kind, name in (
            ("localqueue", "default"),
            ("clusterqueue", namespace),
            ("resourceflavor", namespace),
        ):
            scope = ["-n", namespace] if kind == "localqueue" else []
            what = [f"{kind}.{kueue_manifests.GROUP}", name, *scope]
            self._kubectl("delete", *what, "--ignore-not-found", "--wait=false")

    def stop(self) -> None:
        """End the process, then remove its webhooks: Jobs of other arms must not ask for it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        hooks = kueue_manifests.webhooks(self._rendered)
        self._kubectl("delete", "--ignore-not-found", "-f", "-", body=hooks)
