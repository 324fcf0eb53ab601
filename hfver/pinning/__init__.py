"""The pin check: what a code base loads from a Hub without naming a commit, and writing the commit in.

Reading needs Python's own parser alone; libcst (the extra ``pins``) rewrites, so that formatting stays.
"""

from hfver.pinning.checking import AskHub, check_pins
from hfver.pinning.sarif import to_sarif
from hfver.pinning.values import RULES, Finding, RepoKind, Report, Rule, Unread

__all__ = ["RULES", "AskHub", "Finding", "RepoKind", "Report", "Rule", "Unread", "check_pins", "to_sarif"]
