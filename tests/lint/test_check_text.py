"""What is reported in shell scripts, Dockerfiles and YAML: commands and hf:// URIs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from hfver.lint.context import SourceContext
from hfver.lint.text.check_text import TextKind, check_text, may_load
from tests.lint.cases import SHA

UNPINNED = [("unpinned", "a/b")]
MOVING = [("moving-revision", "a/b")]
UNKNOWN_NAME = [("undecidable-name", None)]
Expected = Sequence[tuple[str, str | None]]

SHELL: dict[str, Expected] = {
    "vllm serve a/b --port 8000": UNPINNED,
    "vllm serve a/b --revision SHA": [],
    "vllm serve a/b --revision=SHA": [],
    "vllm serve a/b --revision main": MOVING,
    "vllm serve a/b \\\n  --port 1 \\\n  --revision SHA": [],
    "vllm serve 'a/b'": UNPINNED,
    "vllm serve ./out": [],
    "vllm serve /models/a/b": [],
    "vllm serve $MODEL": UNKNOWN_NAME,
    "MODEL=a/b\nvllm serve $MODEL": UNPINNED,
    "export MODEL='a/b' REV=1\nvllm serve \"${MODEL}\"": UNPINNED,
    "MODEL=a/b\nMODEL=a/c\nvllm serve $MODEL": UNKNOWN_NAME,
    "REV=SHA\nvllm serve a/b --revision $REV": [],
    "vllm serve a/b --revision $REV": [("undecidable-revision", "a/b")],
    "vllm serve $MODEL --revision SHA": [],
    "CUDA_VISIBLE_DEVICES=0 exec vllm serve a/b &": UNPINNED,
    "python3 -m vllm.entrypoints.openai.api_server --model a/b": UNPINNED,
    "python -m sglang.launch_server --model-path a/b": UNPINNED,
    "text-generation-launcher --model-id=a/b": UNPINNED,
    "text-embeddings-router --model-id a/b --revision SHA": [],
    "hf download a/b": UNPINNED,
    "hf download a/b x.txt --repo-type dataset --revision v1": MOVING,
    "huggingface-cli download a/b --revision SHA": [],
    "hf download --repo-type dataset --quiet --local-dir=x a/b y.txt": UNPINNED,
    "hf download --revision SHA a/b": [],
    "hf download --help": [],
    "docker run --gpus all -p 80:80 vllm/vllm-openai:v0.9 --model a/b": UNPINNED,
    "docker run -e HF_HOME=/x vllm/vllm-openai --model a/b --revision SHA": [],
    "docker run vllm/vllm-openai:latest vllm serve a/b": UNPINNED,
    "hfver pull a/b@^1": MOVING,
    "hfver pull a/b@1.0.0 out": [],
    "hfver pull $REF": [],
    "hfver pull --no-lock --hub x a/b@^1": MOVING,
    "hfver pull": [],
    "x=1; vllm serve a/b && hf download a/c": [("unpinned", "a/b"), ("unpinned", "a/c")],
    "# vllm serve a/b": [],
    "vllm serve a/b  # hfver: ignore": [],
    "vllm serve a/b \\\n  --port 1 \\\n  --x  # hfver: ignore": [],
    "vllm serve a/b\necho x  # hfver: ignore": UNPINNED,
    "echo vllm serve a/b": [],
    "aider --model openai/gpt": [],
    "pip install vllm --find-links a/b": [],
    "cp hf://datasets/a/b/x .": UNPINNED,
    "cp hf://datasets/a/b@SHA/x .": [],
    "cp hf://$REPO/x .": UNKNOWN_NAME,
}

DOCKER: dict[str, Expected] = {
    "FROM x\nRUN hf download a/b": UNPINNED,
    "FROM x\nRUN pip install x \\\n  && hf download a/b --revision SHA": [],
    'FROM x\nCMD ["vllm", "serve", "a/b"]': UNPINNED,
    'FROM x\nENTRYPOINT ["vllm", "serve"]\nCMD ["a/b"]': UNPINNED,
    'FROM vllm/vllm-openai:v1\nCMD ["--model", "a/b"]': UNPINNED,
    'FROM vllm/vllm-openai:v1\nCMD ["--model", "a/b", "--revision", "SHA"]': [],
    "FROM vllm/vllm-openai:v1\nCMD --model a/b": UNPINNED,
    'FROM python\nCMD ["--model", "a/b"]': [],
    "FROM x\nARG MODEL=a/b\nRUN hf download $MODEL": UNPINNED,
    "FROM x\n# RUN hf download a/b": [],
    "from x\nrun hf download a/b": UNPINNED,
    "FROM x\nRUN echo \\\n  # why\n\t# more\n  && hf download a/b": UNPINNED,
    "FROM x\r\nRUN hf download a/b \\\r\n  # why\r\n  --revision SHA": [],
    "FROM x\nRUN hf download a/b \\\n  --x  # hfver: ignore": [],
    "FROM x\nRUN <<EOF\necho x\nhf download a/b\nEOF\nRUN hf download a/b --revision SHA": UNPINNED,
    "FROM x\nRUN <<-'EOF' sh\n\thf download a/b --revision SHA\n\tEOF\nRUN echo hf download a/b": [],
}

YAML: dict[str, Expected] = {
    "spec:\n  containers:\n  - image: vllm/vllm-openai:v1\n    args: [--model, a/b]": UNPINNED,
    "image: vllm/vllm-openai:v1\nargs:\n- --model=a/b\n- --revision=SHA": [],
    "image: vllm/vllm-openai:v1\nargs:\n- --model\n- a/b\n- --revision\n- main": MOVING,
    "image: nginx\nargs: [--model, a/b]": [],
    "image: vllm/vllm-openai:v1\nargs:\n- --model=a/b  # hfver: ignore\n- --port=1": [],
    "command: [vllm, serve]\nargs: [a/b]": UNPINNED,
    "command: [sh, -c]\nargs: ['vllm serve a/b --port 1']": UNPINNED,
    "command: [sh, -c, 'vllm serve a/b --revision SHA']": [],
    "services:\n  x:\n    image: vllm/vllm-openai\n    command: --model a/b": UNPINNED,
    "services:\n  x:\n    image: vllm/vllm-openai\n    command: >\n      --model a/b\n      --revision SHA": [],
    "steps:\n- run: |\n    echo x\n    hf download a/b\n": UNPINNED,
    "steps:\n- run: hf download a/b --revision ${{ env.REV }}": [("undecidable-revision", "a/b")],
    "script:\n- hf download a/b": UNPINNED,
    "model:\n  modelFormat: {name: huggingface}\n  args: [--model_id=a/b, --model_name=x]": UNPINNED,
    "model:\n  modelFormat: {name: huggingface}\n  args: [--model_id=a/b, --model_revision=SHA]": [],
    "model:\n  storageUri: hf://a/b": UNPINNED,
    "model:\n  storageUri: 'hf://a/b:SHA'": [],
    "model:\n  storageUri: hf://a/b:main": MOVING,
    "model:\n  storageUri: hf://a/b  # hfver: ignore": [],
    "# storageUri: hf://a/b": [],
    "{{ if x }}\n- vllm serve a/b\n{{ end }}": UNPINNED,
    "uri: hf://{{ .Values.model }}": UNKNOWN_NAME,
    "description: runs vllm serve a/b": [],
    "a: &a [x, hf://a/b]\nb: [*a, *a]\nc: [*a, *a]": UNPINNED,
}

CASES: list[tuple[TextKind, str, Expected]] = [
    *(("shell", text, expected) for text, expected in SHELL.items()),
    *(("docker", text, expected) for text, expected in DOCKER.items()),
    *(("yaml", text, expected) for text, expected in YAML.items()),
]


@pytest.mark.parametrize(("kind", "text", "expected"), CASES, ids=str)
def test_case(kind: TextKind, text: str, expected: Expected) -> None:
    text = text.replace("SHA", SHA)
    found = check_text(text, kind, SourceContext("x"))
    assert [(diagnostic.rule, diagnostic.name) for diagnostic in found] == expected
    assert not found or may_load(text.encode())
    for diagnostic in found:
        if diagnostic.name and "$" not in text:
            line = text.split("\n")[diagnostic.line - 1]
            assert diagnostic.name in line[diagnostic.column - 1 : diagnostic.end_column - 1]


def test_an_existing_folder_is_not_a_repo(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert check_text("vllm serve a/b", "shell", SourceContext("x", (tmp_path,))) == []


def test_an_aliased_node_is_reported_once() -> None:
    bomb = "a: &a [hf://a/b]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghi"))
    assert len(check_text(bomb, "yaml", SourceContext("x"))) == 1


@pytest.mark.parametrize("kind", ["shell", "docker", "yaml"])
def test_hostile_text_is_read_in_linear_time(kind: TextKind) -> None:
    for part in ("hf://", "hf://a-", "{{", "${", '"', "vllm serve {{ ", "RUN \\\n", "a.", "- [", "$"):
        check_text("vllm hf://" + part * 4_000, kind, SourceContext("x"))
