"""Lines that state a step, an iteration, a boosting round or an epoch. Pure."""

from __future__ import annotations

import re

from trainyard_supervisor.progress.bars import number
from trainyard_supervisor.progress.reading import Reading

_N = r"[\d,_]{1,20}"
_OF = r" *(?:/|of|out of) *"
_KEYWORD = re.compile(r"step|iter|epoch|batch|round|\[ *\d|^\d+:\t|timesteps|^ *\d", re.IGNORECASE)

_EPOCH = re.compile(
    rf"\bepochs?\b(?:\(train\))?[ :=#]*[\[(]? *(?P<epoch>\d+)(?:{_OF}(?P<epochs>\d+))?\b(?![.:]\d)",
    re.IGNORECASE,
)
_COUNT = rf"\b(?:\(train\))?[ :=#]*[\[(]?\s*(?P<done>{_N})\b(?![.:]\d)(?:{_OF}(?P<total>{_N})\b)?"
_STEP = re.compile(
    rf"(?<![\w.-])(?:(?:global|train|training|optimizer|current)[ _]?)?(?:steps?|update){_COUNT}",
    re.IGNORECASE,
)
_ITERATION = re.compile(rf"(?<![\w.-])(?:iter(?:ation)?s?|itr){_COUNT}", re.IGNORECASE)
_TIMM = re.compile(r"^Train: (?P<epoch>\d+) \[ *(?P<done>\d+)/ *(?P<total>\d+) ")
_BATCH = re.compile(
    rf"\b(?:batch|minibatch|mini-batch)(?:es)?\b[ :=#]*[\[(]?\s*(?P<done>{_N}){_OF}(?P<total>{_N})\b",
    re.IGNORECASE,
)
_BRACKET = re.compile(r"\[ *(?P<done>\d+) */ *(?P<total>\d+) *(?:\(\s*\d+(?:\.\d+)?%\))?\]")
_FAIRSEQ = re.compile(r"\|? *epoch \d+: +(?P<done>\d+) / (?P<total>\d+) ")
_NUMBER = r"(?:[-+]?\d[\d.]*(?:e[-+]?\d+)?|[-+]?inf|nan)"
_SCORE = rf"[^\W\d][\w@.]*(?:'s [\w@.]+|-[\w@.-]+) ?[:=] ?{_NUMBER}(?: ?\+ ?{_NUMBER})?"
_BOOSTING = re.compile(rf"^\[(?P<done>\d+)\]\s+{_SCORE}(?:[\s,]+{_SCORE})*\s*$")
"""Each score is called `train-auc` (XGBoost) or `valid's auc` (LightGBM)."""
_OF_ALL = re.compile(r"^\[(?P<done>\d+)/(?P<total>\d+)\](?!\s*\[)")
_EPOCH_AND_STEP = re.compile(
    r"^\[(?P<epoch>\d+)/(?P<epochs>\d+)\]\s*\[(?P<done>\d+)/(?P<total>\d+)\]"
)
_BEFORE = re.compile(
    r"(?:\[[^\]]*[A-Za-z:][^\]]*\]|\d{4}-\d\d-\d\d[ T]?|\d\d:\d\d:\d\d(?:[.,]\d+)?Z?|"
    r"(?:DEBUG|INFO|WARNING)\b:?|[-:](?= ))\s*"
)
"""What loggers print before a line: times, levels, names in brackets."""
_CATBOOST = re.compile(r"^(?P<done>\d+):\t(?:learn|test): ")
_TIMESTEPS = re.compile(r"^\| +total_timesteps +\| (?P<done>\d+) +\|$")
_MMENGINE = re.compile(r"\b(?:Iter|Epoch)\((?:val|test)\)", re.IGNORECASE)
_NO_PROGRESS = re.compile(
    r"^\s*(?:num|number of|total|max|total train batch|gradient accumulation|warmup|save|eval|log)"
    r"\w*[ _-]|every \d+|per[ _]epoch|\b(?:epochs?|steps?|iterations?)[ _](?:is|are|to|per|size|took|time)\b|"
    r"^usage|--\w",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[:=] *-?\d")
_MEASURE = r"(?:loss|acc|accuracy|err|error|auc|f1|mae|mse|rmse|ppl|perplexity|score)\w*"
_MEASURED = re.compile(_MEASURE + r"\W{0,4}\d", re.I)
_SCORED = re.compile(_MEASURE + r"(?: ?[:=] ?[-+]?(?:\d|inf|nan)| +-?\d+\.\d)", re.I)
"""A measure with its value, not a name with a number such as `accuracy_1.csv`."""


def stated(line: str) -> Reading | None:
    """What a line of text says about progress; None if it says nothing."""
    if not _KEYWORD.search(line) or _NO_PROGRESS.search(line) or _MMENGINE.search(line):
        return None
    if (numbered := _numbered(_bare(line))) is not None:
        return numbered
    if (timm := _TIMM.match(line)) is not None:
        return _of_epoch(line, timm, timm)
    epoch = _EPOCH.search(line)
    step = _BATCH.search(line) or _STEP.search(line) or _ITERATION.search(line)
    if epoch is not None:
        within = _FAIRSEQ.match(line) or step or _BRACKET.search(line, epoch.end())
        return _of_epoch(line, epoch, within)
    if step is None:
        return None
    done, total = number(step["done"]), number(step["total"])
    if done is None or (total is not None and done > total) or not _measures(line, step):
        return None
    return Reading("batch" if step.re is _BATCH else "step", done, total, step.re is _BATCH)


def _measures(line: str, step: re.Match[str]) -> bool:
    """Whether a line is one of many that a loop prints: not `Step 2: install the packages`."""
    before, after = _bare(line[: step.start()]).strip(), line[step.end() :].strip(" \t])>,.:|-")
    if _MEASURED.search(line):
        return True
    return (not before and not after) or (not before and _VALUE.search(after) is not None)


def _of_epoch(line: str, epoch: re.Match[str], step: re.Match[str] | None) -> Reading | None:
    current, epochs = number(epoch["epoch"]), number(epoch.groupdict().get("epochs"))
    if current is None or (epochs is not None and current > epochs):
        return None
    done = number(step["done"]) if step is not None else None
    total = number(step["total"]) if step is not None else None
    if done is None or (total is not None and done > total):
        measured = _MEASURED.search(line) is not None
        return Reading("epoch", epoch=current, epochs=epochs, summary=measured)
    return Reading("epoch step", done, total, total is not None, current, epochs)


def _numbered(line: str) -> Reading | None:
    """Lines that begin with a number: rounds of boosting libraries, `[3/10] loss: 0.5`."""
    for name, pattern in (("round", _BOOSTING), ("round", _CATBOOST), ("steps", _TIMESTEPS)):
        if (found := pattern.match(line)) is not None:
            done = number(found["done"])
            return Reading(name, done) if done is not None else None
    if _SCORED.search(line) is None:
        return None
    if (found := _EPOCH_AND_STEP.match(line)) is not None:
        return _of_epoch(line, found, found)
    if (found := _OF_ALL.match(line)) is not None:
        done, total = number(found["done"]), number(found["total"])
        return Reading("of all", done, total) if done is not None and done <= (total or 0) else None
    return None


def _bare(line: str) -> str:
    """A line without what a logger prints before it."""
    begin = 0
    while (found := _BEFORE.match(line, begin)) is not None and found.end() > begin:
        begin = found.end()
    return line[begin:]
