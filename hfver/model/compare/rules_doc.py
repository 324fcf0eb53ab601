"""Write ``docs/versioning.md`` from the rules, so that it cannot drift: ``python -m hfver.model.compare.rules_doc``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

from hfver.core.version import Bump
from hfver.model.compare.rule import Rule
from hfver.model.compare.rules import RULES
from hfver.model.compare.witness.recipes import NO_WITNESS, SHOWN

__all__ = ["document"]

_HEAD = """\
# Which change is which version

<!-- Written by python -m hfver.model.compare.rules_doc > docs/versioning.md: change the rules, not this file. -->

## The usual meanings, and what hfver makes of them

Teams that number model versions by hand mostly agree on three meanings:

- **MAJOR: a different architecture or base model.** For hfver this includes whatever else breaks code, data or services
  that were built on the version before. Rules: [`architecture`](#architecture), [`dimensions`](#dimensions),
  [`base-model`](#base-model), and those on tokenizer, prompt format, labels, stop tokens and license.
- **MINOR: new training data, or a real improvement.** For hfver this means that the weights changed and nothing else
  that callers rely on ([`weights`](#weights), [`requantized`](#requantized)), or that something was added on which
  nobody depends yet ([`tokens-appended`](#tokens-appended), [`license-relaxed`](#license-relaxed)).
- **PATCH: a fix, a small optimization, a configuration change.** For hfver this means that the results are the same:
  [`docs`](#docs), [`metadata`](#metadata), [`resharded`](#resharded), [`rewritten`](#rewritten).

hfver asks one question instead of three: **what does the change mean for someone who pinned `^1.2` and gets the new
version without reading about it?** That leads to the same answer in most cases, and to a different one in these:

- **A configuration change may be MAJOR.** One line of `config.json` can break more than a new training run. If
  `eos_token_id` changes, servers no longer stop. If the order of `id2label` changes, a spam filter keeps the spam. If
  `rope_theta` changes, long prompts get nonsense. All of these load without an error. Only settings that are known to
  have no effect on the model's output are PATCH, and sampling defaults such as `temperature` are MINOR. A setting that
  no rule knows is MAJOR until you [declare](#declare-and-override) what it does.
- **A fix that needs new weights is MINOR.** Its answers differ from those of the version before, however small the fix
  was. PATCH promises the same tensors, bit for bit.
- **New training data is MAJOR for an embedding model.** Vectors from old and new weights cannot be compared, so every
  stored index has to be rebuilt.
- **An optimization counts by its effect.** Splitting the weights into different shards is PATCH. A different dtype or
  quantization scheme is MAJOR, because memory needs and kernels change.
- **A better metric alone does not raise the version.** The new weights behind it do, by a MINOR. A metric that got
  worse counts too, if you have set a [budget](#budgets-for-metrics) for it.

## What a version promises

Someone who pins `^1.2` can rely on this:

- **PATCH**: the same tensors, bit for bit, and the same token ids for the same prompt. Nothing that affects the
  model's output has changed.
- **MINOR**: the weights may have changed (new data, more steps). Everything that callers build on is unchanged:
  architecture, names and shapes of the tensors, vocabulary, prompt format, labels and stop tokens. The release has
  passed its checks.
- **MAJOR**: anything else.

The highest level of all changes wins. What hfver cannot look into counts at the higher level, and a note says so. A
comparison runs no code from the model. It reads headers, configs and digests instead of weights, and it reports unsafe
files instead of refusing them. Below 1.0.0, a MAJOR change raises the minor number; only `--version 1.0.0` leaves 0.x.

## Declare and override

`hfver release --bump LEVEL` can always raise the level. To lower it, say why with `--because "…"`; the reason is
recorded in the ledger and the changelog. A repo can also give a rule, a setting or a file a level of its own. These
levels are recorded in every manifest:

```toml
# hfver.toml (or [tool.hfver.rules] in pyproject.toml)
[rules]
"opaque-weights" = "minor"          # a rule: our GGUF files are always made from the released weights
"config.json:my_scaling" = "patch"  # a setting, named as in the `where` of the change
"labels.csv" = "minor"              # a file
```

A setting or a file has precedence over a rule. hfver uses the nearest `hfver.toml`, starting in the working folder and
going up.

## Budgets for metrics

Metrics are read from the checkpoint's folder, from `--metrics FILE` or from `lineage.yaml`. A metric that has a budget
must be measured, and a release beyond the budget is refused. With `--because "…"` it is released as MAJOR, with the
reason in the changelog and the ledger.

```toml
# hfver.toml
[metrics.mmlu_accuracy]
higher_is_better = true   # the default
max_drop = 0.01           # how much worse it may get than in the release before
min = 0.6                 # or max, for metrics where lower is better
```
"""


def document() -> str:
    """Return the whole document."""
    return "\n".join([_HEAD, "## The rules\n", *_table(RULES.values()), "", *_examples()])


def _table(rules: Iterable[Rule]) -> Iterator[str]:
    yield "| rule | change | level | who or what breaks | how it is detected |"
    yield "|---|---|---|---|---|"
    for rule in rules:
        level = f"{rule.level}; {rule.levels}" if rule.levels else rule.level
        cells = (f"[`{rule.id}`](#{rule.id})", _cell(rule.change), level, _cell(rule.breaks), _cell(rule.seen))
        yield f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Escape what Markdown would take for markup; in code spans, only the table's own separator."""
    parts = re.split(r"(`[^`]*`)", text.replace("|", "\\|"))
    return "".join(part if part.startswith("`") else re.sub(r"([*_])", r"\\\1", part) for part in parts)


def _examples() -> Iterator[str]:
    for level in Bump:
        yield f"## {level.upper()}, by example\n"
        for rule in RULES.values():
            if rule.level is level:
                yield from _example(rule)


def _example(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}\n"
    # Two spaces at the end of a line are Markdown's line break.
    yield from (f"{line}  " for line in rule.example[:-1])
    yield f"{rule.example[-1]}\n"
    if rule.id in SHOWN:
        yield f"Witness (`hfver diff --witness`): {SHOWN[rule.id]}\n"
    elif rule.level is Bump.MAJOR:
        yield f"No witness: {NO_WITNESS[rule.id]}\n"
    if rule.declare:
        yield f"How to declare it: {rule.declare}\n"


if __name__ == "__main__":
    sys.stdout.write(document())
