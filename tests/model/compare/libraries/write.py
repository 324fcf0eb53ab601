"""Save tiny random models as the transformers of this environment does: ``python write.py``.

Standard input has a JSON list of ``[class, settings]``. The last line of the output is a JSON list with the names of
the tensors of each, or null where this version cannot make it. The file imports nothing from hfver.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from typing import Any


def names_of(architecture: str, settings: dict[str, Any]) -> list[str]:
    """Return the names of the tensors that are saved."""
    import transformers
    from safetensors import safe_open

    kind = getattr(transformers, architecture)
    model = kind(kind.config_class(**settings))
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        with safe_open(os.path.join(folder, "model.safetensors"), "pt") as file:
            return sorted(file.keys())


def main() -> None:
    """Answer what standard input asks."""
    answers: list[Any] = []
    for architecture, settings in json.load(sys.stdin):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                answers.append(names_of(architecture, settings))
        except Exception:
            answers.append(None)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
