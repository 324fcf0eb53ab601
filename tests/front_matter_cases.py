r"""READMEs and the metadata that a Hub reads from them, for every front-matter reader of hfver.

huggingface.co and huggingface_hub find the block with the same regular expression (``REGEX_YAML_BLOCK`` in
``huggingface_hub/repocard.py``). In JavaScript ``\s`` includes the byte order mark; huggingface_hub strips it when it
reads the file. The Hub parses the block with js-yaml, which refuses duplicate keys, unknown tags and more than 100
levels; huggingface_hub parses it with PyYAML, which takes the last of duplicate keys. The table follows the Hub. hfver
is stricter in one point: it refuses aliases, because a few hundred bytes of them expand to megabytes.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

_NESTED = "[" * 20 + "]" * 20
_BILLION_LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"


class FrontMatterCase(NamedTuple):
    """One README."""

    name: str
    text: str
    expected: dict[str, Any] | None
    """The metadata; None if the README has no block, or one that is not valid."""
    valid: bool = True
    """Whether a reader accepts the README. A README without a block is valid."""


FRONT_MATTER_CASES = [
    FrontMatterCase("ordinary", "---\nlicense: mit\ntags: [a, b]\n---\n# T\n", {"license": "mit", "tags": ["a", "b"]}),
    FrontMatterCase("empty file", "", None),
    FrontMatterCase("no block", "# Title\n\nText.\n", None),
    # Where the block begins
    FrontMatterCase("blank line first", "\n---\nlicense: mit\n---\n# T\n", {"license": "mit"}),
    FrontMatterCase("blank lines and spaces first", " \r\n\t\n---\nlicense: mit\n---\n", {"license": "mit"}),
    FrontMatterCase("indented opening fence", "  ---\nlicense: mit\n---\n", {"license": "mit"}),
    FrontMatterCase("byte order mark", "\ufeff---\nlicense: mit\n---\n# T\n", {"license": "mit"}),
    FrontMatterCase("byte order mark and a blank line", "\ufeff\n---\nlicense: mit\n---\n", {"license": "mit"}),
    FrontMatterCase("text before the block", "Hello\n---\nlicense: mit\n---\n", None),
    FrontMatterCase("spaces after the opening fence", "--- \nlicense: mit\n---\n", None),
    FrontMatterCase("text after the opening fence", "--- # card\nlicense: mit\n---\n", None),
    FrontMatterCase("four dashes", "----\nlicense: mit\n----\n", None),
    # Where the block ends
    FrontMatterCase("no newline at the end", "---\nlicense: mit\n---", {"license": "mit"}),
    FrontMatterCase("spaces after the closing fence", "---\nlicense: mit\n--- \t\n# T\n", {"license": "mit"}),
    FrontMatterCase("never closed", "---\nlicense: mit\n\n# Title\n", None),
    FrontMatterCase("closing fence is indented", "---\nlicense: mit\n ---\n# T\n", None),
    FrontMatterCase("closing fence with text", "---\nlicense: mit\n---x\n# T\n", None),
    FrontMatterCase("horizontal rule later", "---\nlicense: mit\n---\n# T\n\n---\n\nMore: text\n", {"license": "mit"}),
    FrontMatterCase("horizontal rules without a block", "# T\n\n---\n\na: 1\n\n---\n", None),
    FrontMatterCase("begins with a horizontal rule", "---\n\nSome text.\n\n---\n\nMore.\n", None, valid=False),
    # Line endings
    FrontMatterCase("CRLF", "---\r\nlicense: mit\r\ntags:\r\n- a\r\n---\r\n# T\r\n", {"license": "mit", "tags": ["a"]}),
    FrontMatterCase("CRLF without a newline at the end", "---\r\nlicense: mit\r\n---", {"license": "mit"}),
    FrontMatterCase("CR", "---\rlicense: mit\rtags: [a]\r---", {"license": "mit", "tags": ["a"]}),
    FrontMatterCase("mixed line endings", "---\r\nlicense: mit\ntags: [a]\r\n---\n", {"license": "mit", "tags": ["a"]}),
    # Blocks with nothing in them
    FrontMatterCase("empty block", "---\n\n---\n# T\n", {}),
    FrontMatterCase("only a comment", "---\n# For reference: docs\n---\n# T\n", {}),
    FrontMatterCase("null", "---\nnull\n---\n", {}),
    FrontMatterCase("fences without a line between", "---\n---\n# T\n", None),
    # `---` that is part of a value
    FrontMatterCase("dashes in a value", "---\ntitle: a --- b\n---\n", {"title": "a --- b"}),
    FrontMatterCase(
        "dashes alone in a block scalar",
        "---\ntext: |\n  a\n  ---\n  b\nlicense: mit\n---\n",
        {"text": "a\n---\nb\n", "license": "mit"},
    ),
    FrontMatterCase("dashes at the start of a longer line", "---\ntext: a\n ---b\n---\n", {"text": "a ---b"}),
    FrontMatterCase("a quoted string across a fence", '---\ntext: "a\n---\nb"\n---\n', None, valid=False),
    # Values
    FrontMatterCase("text that is not ASCII", "---\nauthor: Zoë 🤗\n---\n", {"author": "Zoë 🤗"}),
    FrontMatterCase(
        "nested values", "---\nbase: {id: a/b, pins: [{v: 1}]}\n---\n", {"base": {"id": "a/b", "pins": [{"v": 1}]}}
    ),
    FrontMatterCase("20 levels deep", f"---\na: {_NESTED}\n---\n", {"a": json.loads(_NESTED)}),
    # Blocks that are not metadata
    FrontMatterCase("list", "---\n- a\n- b\n---\n", None, valid=False),
    FrontMatterCase("scalar", "---\njust text\n---\n", None, valid=False),
    FrontMatterCase("not YAML", "---\n{[\n---\n", None, valid=False),
    FrontMatterCase("tab as indentation", "---\na:\n\tb: 1\n---\n", None, valid=False),
    FrontMatterCase("second document", "---\na: 1\n--- b\n---\n", None, valid=False),
    FrontMatterCase("Python object", "---\na: !!python/tuple [1, 2]\n---\n", None, valid=False),
    FrontMatterCase("alias", "---\na: &x [1]\nb: *x\n---\n", None, valid=False),
    FrontMatterCase("aliases of aliases", f"---\n{_BILLION_LAUGHS}\n---\n", None, valid=False),
    FrontMatterCase("merge key", "---\na: &x {b: 1}\nc: {<<: *x}\n---\n", None, valid=False),
    FrontMatterCase("duplicate keys", "---\nlicense: mit\ntags: [a]\nlicense: apache-2.0\n---\n", None, valid=False),
    FrontMatterCase("duplicate keys below the top", "---\na: {b: 1, c: 2, b: 3}\n---\n", None, valid=False),
    FrontMatterCase("10,000 levels deep", "---\na: " + "[" * 10_000 + "\n---\n", None, valid=False),
]
