"""Pictures of each page of the web page, of a real gateway with a lab at work.

`python tests/support/web_pictures.py docs/pictures` takes them again. It needs a cluster, which it
brings up, and Chromium.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from browser import Visit, running_browser, visit
from cluster import apply_crds, find_kubeconfig, fresh_namespace
from gateway_lab import running_gateway
from PIL import Image
from web_story import lab_at_work
from webhook_receiver import WebhookReceiver

_WINDOW = {"width": 1280, "height": 1000}
_COLOURS = 128
"""Of each picture: a page has few."""
_PHONE = {"width": 390, "height": 844}
_NOTICES = {"notices_enabled": "true", "notices_internal_hosts": "localhost"}


def main(folder: Path) -> None:
    """Take every picture."""
    kubeconfig = find_kubeconfig()
    apply_crds(kubeconfig)
    with (
        tempfile.TemporaryDirectory(prefix="web-pictures-") as data,
        fresh_namespace(kubeconfig, "pictures") as namespace,
        WebhookReceiver() as webhook,
        running_gateway(kubeconfig, namespace, Path(data), **_NOTICES) as lab,
        lab_at_work(lab, Path(data)) as story,
        running_browser() as browser,
    ):
        story.notices(webhook.port)
        with visit(browser, lab.url, viewport=_WINDOW, color_scheme="light") as seen:
            seen.log_in(lab.key)
            for name, (place, ready) in _places(story.uids).items():
                story.go_on()
                _take(seen, folder, name, place, ready)
        with visit(browser, lab.url, viewport=_PHONE, color_scheme="dark") as seen:
            seen.log_in(lab.key)
            _take(seen, folder, "web-phone", f"session/{story.uids['llama-lora']}", ".plot canvas")


def _places(uids: dict[str, str]) -> dict[str, tuple[str, str]]:
    """By picture: the place, and what is there when it is drawn."""
    rates = ",".join(uid for name, uid in uids.items() if name.startswith("resnet"))
    compared = f"compare?sessions={rates}&metric=train/loss&parameter=env.LEARNING_RATE&smooth=0.6"
    return {
        "web-sessions": ("?metric=train/loss", ".spark polyline"),
        "web-queue": ("queue?span=hour", ".timeline"),
        "web-session": (f"session/{uids['llama-lora']}", ".plot canvas"),
        "web-failed": (f"session/{uids['text-small']}", ".failure"),
        "web-compare": (compared, ".plot canvas"),
        "web-new": ("new", "form.new pre"),
        "web-nodes": ("nodes", "tbody tr"),
        "web-datasets": ("datasets", "tbody tr"),
        "web-models": ("models", "tbody tr"),
        "web-runs": ("runs", "tbody tr"),
        "web-usage": ("usage", "tbody meter"),
        "web-limits": ("limits", "tbody meter"),
        "web-notices": ("notices", "section tbody tr"),
        "web-users": ("users", "tbody tr"),
        "web-keys": ("keys", "tbody tr"),
    }


def _take(seen: Visit, folder: Path, name: str, place: str, ready: str) -> None:
    page = seen.page
    page.goto("about:blank")
    page.goto(f"{seen.url}/#/{place}")
    page.locator(ready).first.wait_for()
    # Curves, sums and nodes, which are read again every five seconds.
    page.wait_for_timeout(7000)
    picture: Image.Image = Image.open(io.BytesIO(page.screenshot()))
    end = int(page.evaluate("document.getElementById('page').getBoundingClientRect().bottom"))
    picture = picture.crop((0, 0, picture.width, min(picture.height, end)))
    picture.convert("RGB").quantize(_COLOURS).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
