"""What a chat template renders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def observe(folder: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Return the prompt as {"prompt": ...}, what the template refuses as {"refused": true}, or whether there is one."""
    folder, name, given = folder / question["folder"], question["name"], question["variables"]
    if given is None:
        return {"there": name in templates(folder)}
    messages, rest = given.get("messages"), {key: value for key, value in given.items() if key != "messages"}
    # A template that prints the date renders the same on every day.
    rest["strftime_now"] = lambda form: moment().strftime(form)
    try:
        return {"prompt": render(folder, question["how"], name, messages, rest)}
    except ImportError:
        raise
    except Exception:
        # Templates raise to reject a conversation.
        return {"refused": True}


def moment() -> Any:
    """Return a fixed moment."""
    from datetime import datetime

    return datetime(2026, 1, 2, 3, 4, 5)


def render(folder: Path, how: str, name: str, messages: Any, rest: dict[str, Any]) -> str:
    """Render a conversation with transformers."""
    if how == "tokenizer":
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        source = None if name == "default" else name
        return str(tokenizer.apply_chat_template(messages, tokenize=False, chat_template=source, **rest))
    from transformers.utils.chat_template_utils import render_jinja_template

    source = templates(folder)[name]
    rendered: Any = render_jinja_template(conversations=[messages], chat_template=source, **{**special(folder), **rest})
    return str(rendered[0][0])


def templates(folder: Path) -> dict[str, str]:
    """Return the source of each template by its name; later places replace earlier ones, as in transformers."""
    found: dict[str, str] = {}
    for path in ("chat_template.json", "processor_config.json", "tokenizer_config.json"):
        held = read(folder / path).get("chat_template")
        rows = [{"name": "default", "template": held}] if isinstance(held, str) else held
        if isinstance(rows, dict):
            rows = [{"name": name, "template": source} for name, source in rows.items()]
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and isinstance(row.get("name"), str) and isinstance(row.get("template"), str):
                found[row["name"]] = row["template"]
    for file in sorted(folder.glob("additional_chat_templates/*.jinja")):
        found[file.stem] = file.read_text(encoding="utf-8")
    single = folder / "chat_template.jinja"
    return {**found, "default": single.read_text(encoding="utf-8")} if single.is_file() else found


def special(folder: Path) -> dict[str, str]:
    """Return the special tokens that are inserted."""
    held = read(folder / "tokenizer_config.json")
    if "added_tokens_decoder" not in held:
        held = {**held, **read(folder / "special_tokens_map.json")}
    found = {}
    for key, value in held.items():
        token = value.get("content") if isinstance(value, dict) else value
        if key.endswith("_token") and isinstance(token, str) and token:
            found[key] = token
    return found


def read(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one if there is none."""
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def differences(question: dict[str, Any], expected: dict[str, Any], observed: dict[str, Any]) -> list[str]:
    """Say how the prompt differs."""
    if observed == expected:
        return []
    if question["variables"] is None:
        before, after = ("there" if one["there"] else "not there" for one in (expected, observed))
        return [f"the chat template {question['name']!r} was {before} and is now {after}"]
    shown = json.dumps(question["variables"], ensure_ascii=False)
    after = f"renders as\n  {observed['prompt']!r}" if "prompt" in observed else "is refused"
    return [f"the conversation {shown} rendered as", f"  {expected.get('prompt')!r}", f"and now {after}"]
