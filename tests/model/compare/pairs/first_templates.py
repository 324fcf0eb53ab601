"""Templates that refused conversations, or all of them, and the ones that replaced them; and the reverse."""

from __future__ import annotations

from hfver.core.version import Bump
from tests.model.compare.pairs.made import MAJOR, MINOR, Files, MadePair

_WORKS = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_BROKEN = {
    "is no Jinja": "{% for m in messages %}{{ m.content }}",
    "raises always": "{{ raise_exception('no chat') }}",
    "uses a filter that does not exist": "{{ messages | nofilter }}",
    "calls a function that does not exist": "{{ nofunc(messages) }}",
    "refuses system messages": "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + _WORKS,
    "refuses tools": "{% if tools %}{{ raise_exception('no tools') }}{% endif %}" + _WORKS,
}


def _files(template: str | None) -> Files:
    given = {} if template is None else {"chat_template": template}
    return {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", **given}}


def _pair(name: str, level: Bump, before: str | None, after: str | None) -> MadePair:
    return MadePair(f"first template: {name}", "templates", level, lambda: _files(before), lambda: _files(after))


PAIRS = (
    *(_pair(f"the old one {what}", MINOR, broken, _WORKS) for what, broken in _BROKEN.items()),
    *(_pair(f"the new one {what}", MAJOR, _WORKS, broken) for what, broken in _BROKEN.items()),
    # Servers such as llama.cpp take a template of their own where there is none, so prompts change.
    _pair("none before", MAJOR, None, _WORKS),
    _pair("none after", MAJOR, _WORKS, None),
)
