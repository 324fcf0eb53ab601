"""The model card, the changelog and the pull request of a release: values in, Markdown out."""

from __future__ import annotations

from hfver.model.card.changelog import ChangelogEntry, MetricDelta, render_changelog
from hfver.model.card.facts import CardFacts
from hfver.model.card.main_card import main_cards
from hfver.model.card.readme import render_card
from hfver.model.card.review import ReviewFacts, render_review
from hfver.model.card.snippets import needs_tokenizer
from hfver.model.card.yank_notice import with_yanks

__all__ = [
    "CardFacts",
    "ChangelogEntry",
    "MetricDelta",
    "ReviewFacts",
    "main_cards",
    "needs_tokenizer",
    "render_card",
    "render_changelog",
    "render_review",
    "with_yanks",
]
