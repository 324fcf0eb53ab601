"""The pin check: what a code base loads from a Hub without naming a commit, and writing the commit in.

Reading needs Python's own parser alone; libcst (the extra ``pins``) rewrites, so that formatting stays.
"""

from hfver.lint.check import AskHub, check_pins
from hfver.lint.report import RULES, Finding, RepoKind, Report, Rule, Unread
from hfver.lint.sarif import to_sarif

__all__ = ["RULES", "AskHub", "Finding", "RepoKind", "Report", "Rule", "Unread", "check_pins", "to_sarif"]
