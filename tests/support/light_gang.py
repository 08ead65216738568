"""A gang of two that trains in plain Python, so that its image is small: `python3 light_gang.py STEPS`.

Each step needs a gradient of both workers. The first one keeps the weights in the session's run folder.
`result` computes here what the gang must come to, however often it was interrupted.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import socket
import struct
import sys
import time
import zlib
from pathlib import Path

WIDTH = 16
WORKERS = 2
EVERY = 10
"""Steps between two checkpoints."""
SECONDS = 0.1
"""Least duration of a step."""
CONNECT_SECONDS = 300
PEER_LOST = 71
"""Exit code of a worker that lost the other one."""

Weights = list[float]


def gradient(weights: Weights, step: int, rank: int) -> Weights:
    """Of a square loss around a point that depends on step and worker."""
    chance = random.Random(step * WORKERS + rank)
    return [weight - chance.random() for weight in weights]


def stepped(weights: Weights, step: int, gradients: list[Weights]) -> Weights:
    """The weights after a step with the mean of the workers' gradients."""
    means = [sum(parts) / WORKERS for parts in zip(*gradients, strict=True)]
    return [w - 0.1 * g / (1 + step / 100) for w, g in zip(weights, means, strict=True)]


def digest(weights: Weights) -> str:
    """SHA-256 of the weights' bytes."""
    return hashlib.sha256(struct.pack(f"{WIDTH}d", *weights)).hexdigest()


def result(steps: int) -> str:
    """The digest of the weights after that many steps."""
    weights = [0.0] * WIDTH
    for step in range(1, steps + 1):
        weights = stepped(weights, step, [gradient(weights, step, r) for r in range(WORKERS)])
    return digest(weights)


def command(steps: int) -> list[str]:
    """The session's command; a word of it has at most 4,096 characters, so the source is packed."""
    packed = base64.b64encode(zlib.compress(Path(__file__).read_bytes())).decode()
    unpack = f"import base64, zlib; exec(zlib.decompress(base64.b64decode('{packed}')))"
    return ["python3", "-c", unpack, str(steps)]


def main(steps: int) -> None:
    """Train to the end, from the last checkpoint if there is one."""
    rank = int(os.environ["JOB_COMPLETION_INDEX"])
    peer = _connected(rank)
    try:
        if rank == 0:
            _lead(peer, steps)
        else:
            _follow(peer)
    except (OSError, EOFError) as error:
        sys.stdout.write(f"the other worker is gone: {error}\n")
        sys.exit(PEER_LOST)


def _lead(peer: socket.socket, steps: int) -> None:
    import trainyard

    file = Path(os.environ.get("RUN_FOLDER", "/data/run")) / "weights.json"
    done, weights = json.loads(file.read_text()) if file.exists() else (0, [0.0] * WIDTH)
    sys.stdout.write(f"begins after step {done}\n")
    run = trainyard.init(total_steps=steps)
    for step in range(done + 1, steps + 1):
        peer.sendall(struct.pack(f"q{WIDTH}d", step, *weights))
        own = gradient(weights, step, 0)
        weights = stepped(
            weights, step, [own, list(struct.unpack(f"{WIDTH}d", _read(peer, WIDTH)))]
        )
        if step % EVERY == 0 or step == steps:
            partial = file.with_suffix(".partial")
            partial.write_text(json.dumps([step, weights]))
            partial.replace(file)
        run.progress(step)
        time.sleep(SECONDS)
    peer.sendall(struct.pack(f"q{WIDTH}d", 0, *weights))
    sys.stdout.write(f"result {digest(weights)}\n")
    trainyard.finish()


def _follow(peer: socket.socket) -> None:
    while True:
        message = _read(peer, WIDTH + 1)
        step, *weights = struct.unpack(f"q{WIDTH}d", message)
        if step == 0:
            return
        peer.sendall(struct.pack(f"{WIDTH}d", *gradient(weights, step, 1)))


def _connected(rank: int) -> socket.socket:
    address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    if rank == 0:
        with socket.create_server(("", address[1])) as server:
            return server.accept()[0]
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            found = socket.create_connection(address, timeout=5)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            found.settimeout(None)
            return found


def _read(peer: socket.socket, numbers: int) -> bytes:
    """So many numbers of eight bytes."""
    found = b""
    while len(found) < 8 * numbers:
        part = peer.recv(8 * numbers - len(found))
        if not part:
            raise EOFError("the connection was closed")
        found += part
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]))
