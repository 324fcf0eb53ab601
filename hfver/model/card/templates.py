"""The templates of the card and the changelog: Jinja2 files in ``model_cards/templates``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hfver.model.card.markdown import code, paragraphs, sentence, text

__all__ = ["fill"]

PACKAGED = Path(__file__).parent / "templates"
CHECKOUT = Path(__file__).parents[3] / "model_cards" / "templates"


def fill(template: str, values: Mapping[str, object]) -> str:
    """Fill a template, and fold the blank lines that its conditions leave into one."""
    filled = _environment().get_template(template).render(values)
    return re.sub(r"\n{3,}", "\n\n", filled).strip() + "\n"


@cache
def _environment() -> Environment:
    folder = PACKAGED if PACKAGED.is_dir() else CHECKOUT
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,  # a value that no filter has escaped for Markdown is at least not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(code=code, paragraphs=paragraphs, sentence=sentence, text=text)
    return environment
