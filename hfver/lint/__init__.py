"""Find code that loads from a Hub without naming a commit, and write the commit into it (command: ``hfver pins``).

Nothing of the checked code is executed. How a file is processed, and where:

    paths
      │  walk.py              which files are read, and as what: Python, notebook, YAML, Dockerfile, shell
      ▼
    check.py                  all files to one report; the public entry point, ``check_pins``
      │  files.py             one file: dispatch by kind, rewrite, replace atomically
      ▼
    python/                   Python and notebooks
      │  parse.py             bytes to text to syntax tree, by Python's own parser
      │  calls.py, scopes.py  the calls and strings of a module, and what its names are bound to
      │  loaders.py           which functions load, and which of their arguments is the repo and which the revision
      │  judge_call.py        does this call name a commit?
      │  notebooks.py         the cells of a notebook as one module
      │
    text/                     shell scripts, Dockerfiles, YAML
      │  shell_words.py, dockerfile.py, yaml_nodes.py     the commands in a file
      │  judge_command.py     does this command name a commit?
      ▼
    judge.py                  the judgement that all kinds share: revisions, references, ``hf://`` URIs
      ▼
    report.py                 diagnostics and the report; sarif.py writes it for code review tools
      ▼
    commits.py, locks.py      --fix: the commit to write, from ``hfver.lock`` or the Hub
    python/fix.py             --fix: the call with its new argument

Reading needs Python's own parser alone. It is much faster than libcst, which keeps all formatting and which only
``--fix`` needs (extra ``pins``).
"""

from hfver.lint.check import check_pins
from hfver.lint.commits import HubLookup
from hfver.lint.report import RULES, Diagnostic, RepoKind, Report, RuleName, UnreadSource
from hfver.lint.sarif import to_sarif

__all__ = [
    "RULES",
    "Diagnostic",
    "HubLookup",
    "RepoKind",
    "Report",
    "RuleName",
    "UnreadSource",
    "check_pins",
    "to_sarif",
]
