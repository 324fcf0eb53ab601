"""Write ``docs/versioning.md`` from the rules, so that it cannot drift: ``python -m hfver.model.compare.rules_doc``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from hfver.core.version import Bump
from hfver.model.compare.rule import Rule
from hfver.model.compare.rules import RULES

__all__ = ["document"]

_HEAD = """\
# Which change is which version

<!-- Written by python -m hfver.model.compare.rules_doc > docs/versioning.md: change the rules, not this file. -->

What a consumer who pins `^1.2` may rely on:

- **PATCH**: the same tensors bit for bit, the same prompt in gives the same token ids. Nothing that computes has
  changed.
- **MINOR**: the weights may have moved (new data, more steps), but everything a caller builds on stands: the same
  architecture, tensor names and shapes, vocabulary, prompt format, labels, stop tokens; and the release's gates passed.
- **MAJOR**: anything else.

The highest change wins. What hfver cannot see into counts at the higher level, and a note says so. Comparing runs no
code of the model, reads headers, configs and digests and no weights, and never refuses a folder: it reports it.
Under 1.0.0, MAJOR raises the minor number, and 0.x never becomes 1.0.0 by itself.

## Declaring and overriding

`hfver release --bump LEVEL` raises the level freely; lowering it needs `--because "…"`, which goes into the ledger and
the changelog. A repo can give a rule, a setting or a file a level of its own, which goes into every manifest:

```toml
# hfver.toml (or [tool.hfver.rules] in pyproject.toml)
[rules]
"opaque-weights" = "minor"          # a rule: our GGUF files are always made from the released weights
"config.json:my_scaling" = "patch"  # a setting, as `where` of the change names it
"labels.csv" = "minor"              # a file
```

The name of a place goes before that of a rule. The nearest `hfver.toml` counts, from the working folder upward.

## Budgets for metrics

Metrics come from the checkpoint's folder, `--metrics FILE` or `lineage.yaml`. A metric with a budget must be measured,
and a release beyond it is refused; with `--because "…"` it goes out as MAJOR, and changelog and ledger say why.

```toml
# hfver.toml
[metrics.mmlu_accuracy]
higher_is_better = true   # the default
max_drop = 0.01           # by how much it may get worse than in the release before
min = 0.6                 # and max, where less is better
```
"""


def document() -> str:
    """Write the whole document."""
    return "\n".join([_HEAD, "## The rules\n", *_table(RULES.values()), "", *_examples()])


def _table(rules: Iterable[Rule]) -> Iterator[str]:
    yield "| rule | change | level | who breaks | how it is seen |"
    yield "|---|---|---|---|---|"
    for rule in rules:
        level = f"{rule.level}; {rule.levels}" if rule.levels else rule.level
        yield f"| [`{rule.id}`](#{rule.id}) | {_cell(rule.change)} | {level} | {rule.breaks} | {_cell(rule.seen)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")


def _examples() -> Iterator[str]:
    for level in Bump:
        yield f"## {level.upper()}, by example\n"
        for rule in RULES.values():
            if rule.level is level:
                yield from _example(rule)


def _example(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}\n"
    yield from (f"{line}  " for line in rule.example[:-1])
    yield f"{rule.example[-1]}\n"
    if rule.declare:
        yield f"Declare: {rule.declare}\n"


if __name__ == "__main__":
    sys.stdout.write(document())
