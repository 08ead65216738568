"""Progress bars: tqdm and those that look like it, Keras, Rich, fastprogress, ultralytics. Pure."""

from __future__ import annotations

import re

from trainyard_supervisor.progress.reading import Reading

MAX_NUMBER = 2**53

_TQDM = re.compile(
    r"^(?P<label>.*?)(?:: *)?(?P<percent>\d{1,3})%\|[^|]*\| *(?P<done>\d+)/(?P<total>\d+) "
    r"\[(?P<time>[\d:]+)<"
)
_RICH = re.compile(
    r"^(?P<label>.*?) *[━╸╺─╌]{4,} *(?:\d{1,3}% *)?(?P<done>\d+)/(?P<total>\d+)(?: |$)"
)
_KERAS = re.compile(
    r"^ *(?P<done>\d+)/(?P<total>\d+) (?:[━─]{4,}|\[[=>.]{4,}\])(?: -)? +(?:\d+s|\d+:\d+|ETA)"
)
_FASTPROGRESS = re.compile(
    r"^(?P<label>.*?) *\|[█-]*\| *[\d.]+% \[(?P<done>\d+)/(?P<total>\d+) (?P<time>[\d:]+)<"
)
_ULTRALYTICS = re.compile(
    r"^ *(?P<epoch>\d+)/(?P<epochs>\d+) +[\d.]+G .*?: +\d+%.*? (?P<done>\d+)/(?P<total>\d+) "
)

_OTHER_WORK = re.compile(
    r"\b(?:load|map|filter|generat|download|fetch|writ|sav|tokeniz|extract|unpack|pack|preproc|"
    r"prepar|cach|scan|sanity|valid|eval|test|predict|infer|copy|upload|resolv|convert|cast|"
    r"add|build|creat|merg|shard|checkpoint|read|pars|index|encod|embed|batches|collect|"
    r"truncat|flatten|group|shuffl|comput|verif|transfer|quantiz|warm)",
    re.IGNORECASE,
)
_TRAINING = re.compile(r"\b(?:steps?|iter|epoch|loss|progress|optimi|lr)\b", re.IGNORECASE)
_NAMED_TRAINING = re.compile(r"^\W*(?:train|training|fit|fitting)\b(?! ?(?:data|set|split))", re.I)
_EPOCH = re.compile(r"\bepochs?[ :=\[(]*(?P<epoch>\d+)(?: *(?:/|of) *(?P<epochs>\d+))?", re.I)
_ONLY_EPOCHS = re.compile(r"^\W*epochs?\W*$|\bepochs?\W*$", re.IGNORECASE)
_DIGITS = re.compile(r"[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?")


def bar(line: str) -> Reading | None:
    """What a progress bar says; None for a line without one, or with one of other work."""
    if "/" not in line:
        return None
    for pattern in (_ULTRALYTICS, _TQDM, _FASTPROGRESS, _KERAS, _RICH):
        if (found := pattern.match(line)) is not None:
            return _reading(found.groupdict())
    return None


def _reading(found: dict[str, str | None]) -> Reading | None:
    done, total = number(found["done"]), number(found["total"])
    label = (found.get("label") or "").strip()
    if done is None or not total or done > total:
        return None
    if "epochs" in found:
        epoch, epochs = number(found["epoch"]), number(found["epochs"])
        return Reading("ultralytics", done, total, True, epoch, epochs)
    seconds = _seconds(found.get("time"))
    if (named := _EPOCH.search(label)) is not None:
        epoch, epochs = number(named["epoch"]), number(named["epochs"])
        return Reading("bar", done, total, True, epoch, epochs, seconds=seconds)
    named_training = _NAMED_TRAINING.match(label) is not None
    if _OTHER_WORK.search(label) and not named_training:
        return None
    if _ONLY_EPOCHS.search(label):
        ended = done == total
        return Reading("epochs", epoch=done + (not ended), epochs=total, summary=ended)
    source = f"bar {_DIGITS.sub('#', label)[:40]} {total}"
    if "percent" not in found and "label" not in found:
        return Reading("keras", done, total, within_epoch=True)
    trusted = named_training or _TRAINING.search(label) is not None
    return Reading(source, done, total, trusted=trusted, seconds=seconds)


def number(text: str | None) -> int | None:
    """A count, None for none and for one that no training has."""
    if not text:
        return None
    digits = text.replace(",", "").replace("_", "")
    return int(digits) if len(digits) <= 16 and int(digits) <= MAX_NUMBER else None


def _seconds(text: str | None) -> int | None:
    if not text:
        return None
    seconds = 0
    for part in text.split(":"):
        if not part.isdigit() or len(part) > 6:
            return None
        seconds = seconds * 60 + int(part)
    return seconds
