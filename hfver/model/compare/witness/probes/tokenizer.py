"""What a tokenizer makes of a text, of ids and of tokens."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any


@cache
def load(folder: Path, library: str) -> Any:
    """Load the tokenizer with transformers, or its tokenizer.json alone with the tokenizers library."""
    if library == "tokenizers":
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def observe(folder: Path, question: dict[str, Any]) -> Any:
    """Return what the question asks for: ids, decoded text, ids of tokens, a batch or an attribute."""
    tokenizer = load(folder / question["folder"], question["library"])
    what, given = question["what"], question["given"]
    if question["library"] == "tokenizers":
        if what == "ids":
            return tokenizer.encode(given).ids
        if what == "tokens":
            return [tokenizer.token_to_id(token) for token in given]
        return tokenizer.decode(tokenizer.encode(given).ids)
    if what == "ids":
        return [int(number) for number in tokenizer(given)["input_ids"]]
    if what == "tokens":
        return [tokenizer.get_vocab().get(token) for token in given]
    if what == "decoded":
        ids = tokenizer(given)["input_ids"]
        return [tokenizer.decode(ids), tokenizer.decode(ids, skip_special_tokens=True)]
    if what == "stored":
        text = tokenizer.decode(given)
        return [text, [int(number) for number in tokenizer(text, add_special_tokens=False)["input_ids"]]]
    if what == "padded":
        return tokenizer(given, padding=True)["input_ids"]
    if what == "truncated":
        return tokenizer(given, truncation=True, max_length=8)["input_ids"]
    value = getattr(tokenizer, given)
    return sorted(map(str, value)) if isinstance(value, list) else value


def differences(question: dict[str, Any], expected: Any, observed: Any) -> list[str]:
    """Say how the tokenizer differs."""
    if observed == expected:
        return []
    what, given = question["what"], question["given"]
    if what == "ids":
        return [f"the text {given!r} had the ids", f"  {expected}", "and now has the ids", f"  {observed}"]
    if what == "tokens":
        rows = zip(given, expected, observed, strict=True)
        return [f"the id of {token!r} was {one} and is now {other}" for token, one, other in rows if one != other]
    if what == "decoded":
        return [f"the ids of {given!r} were decoded as {expected!r} and are now decoded as {observed!r}"]
    if what == "attribute":
        return [f"{given} of the loaded tokenizer was {expected!r} and is now {observed!r}"]
    return [f"the texts {given!r} were {what} to the ids", f"  {expected}", "and are now", f"  {observed}"]
