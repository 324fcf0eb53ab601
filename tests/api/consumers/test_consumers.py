"""``hfver diff --consumer``: each kind of consumer, with a change that breaks it and one that does not."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.errors import UsageError
from hfver.model.compare import Consumer
from tests.conftest import MakeCheckpoint
from tests.model.smoke import tiny

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Make a checkpoint with settings of config.json, or return the one that was made already."""
    made: dict[str, Path] = {}

    def checkpoint(size: int = 300, template: str = tiny.CHATML, **settings: Any) -> Path:
        key = json.dumps([size, template, settings])
        if key not in made:
            tokenizer = tiny.byte_tokenizer(chat_template=template, size=size)
            model = tiny.llama(tokenizer)
            folder = tiny.save(model, tokenizer, tmp_path_factory.mktemp("made") / "model")
            path = folder / "config.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | settings))
            made[key] = folder
        return made[key]

    return checkpoint


def asked(before: Path, after: Path, consumer: Path) -> Consumer:
    [found] = hfver.diff(str(before), str(after), consumers=[consumer]).consumers
    return found


def by_rule(consumer: Consumer) -> Mapping[str, tuple[str, str]]:
    return {answer.rule: (answer.verdict, answer.why) for answer in reversed(consumer.answers)}


@pytest.mark.more
@pytest.mark.parametrize("name", ["ids.json", "ids.jsonl", "ids.txt", "ids.npy"])
def test_stored_ids(name: str, make: Make, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    old, new = make(300), make(320)
    ids = AutoTokenizer.from_pretrained(old)("The model learns slowly.", add_special_tokens=False)["input_ids"]
    path = tmp_path / name
    if name == "ids.npy":
        numpy.save(path, numpy.array([ids]))
    else:
        texts = {"ids.json": json.dumps({"cache": [ids]}), "ids.jsonl": json.dumps({"input_ids": ids}) + "\n"}
        path.write_text(texts.get(name, " ".join(map(str, ids))))
    found = asked(old, new, path)
    assert found.kind == "token-ids" and found.verdict == "breaks"
    assert by_rule(found)["token-ids"][0] == "breaks"
    same = asked(old, make(300, hidden_act="gelu"), path)
    assert same.verdict == "does not"
    # A changed template does not touch what an id means.
    assert asked(old, make(300, tiny.CHATML + "x"), path).verdict == "does not"


@pytest.mark.more
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("g.gbnf", 'root ::= "The model learns slowly" ws\nws ::= [ ]* # "none"\n'),
        ("g.lark", 'start: "The model learns slowly" // "none"\n'),
        ("g.json", json.dumps({"type": "object", "properties": {"The model learns slowly": {"enum": ["a", "b"]}}})),
    ],
)
def test_a_grammar(name: str, text: str, make: Make, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    found = asked(make(300), make(320), path)
    assert found.kind == "grammar" and "The model learns slowly" in by_rule(found)["token-ids"][1]
    assert found.verdict == "breaks"
    assert asked(make(300), make(300, hidden_act="gelu"), path).verdict == "does not"


def test_a_label_map(make: Make, tmp_path: Path) -> None:
    spam, ham = {"0": "spam", "1": "ham"}, {"0": "ham", "1": "spam"}
    path = tmp_path / "labels.json"
    for held in (spam, {"spam": 0, "ham": 1}, ["spam", "ham"], {"id2label": spam}):
        path.write_text(json.dumps(held))
        found = asked(make(id2label=spam), make(id2label=ham), path)
        assert (found.kind, found.verdict) == ("labels", "breaks")
        assert "Class 0 is ham, and the map says spam" in by_rule(found)["labels"][1]
    grown = asked(make(id2label=spam), make(id2label={**spam, "2": "other"}), path)
    assert by_rule(grown)["labels"][0] == "does not"


SERVE = "vllm serve acme/bot \\\n  --max-model-len {length} --tensor-parallel-size {gpus} --dtype=bfloat16\n"


@pytest.mark.more
def test_a_serving_command(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "serve.sh"
    path.write_text(SERVE.format(length=200, gpus=2))
    old = make()
    shorter, longer = make(max_position_embeddings=128), make(max_position_embeddings=220)
    assert by_rule(asked(old, shorter, path))["context-cut"][0] == "breaks"
    assert by_rule(asked(old, longer, path))["context-cut"][0] == "does not"
    uneven = asked(old, make(num_attention_heads=3), path)
    assert "3 attention heads cannot be split over 2 GPUs" in by_rule(uneven)["dimensions"][1]
    assert by_rule(asked(old, make(dtype="float16"), path))["dtype"][0] == "does not"
    scheme = {"quant_method": "gptq", "bits": 4}
    path.write_text("args:\n  - --quantization\n  - awq\n")
    assert by_rule(asked(old, make(quantization_config=scheme), path))["quantization"][0] == "breaks"
    path.write_text("max-model-len: 200\ntool-call-parser: hermes\n")
    assert by_rule(asked(old, shorter, path))["context-cut"][0] == "breaks"
    prompt = by_rule(asked(old, make(300, tiny.CHATML + "x"), path))["chat-template"]
    assert prompt[0] == "cannot tell" and "hermes" in prompt[1]
    path.write_text('["--chat-template", "mine.jinja"]')
    assert by_rule(asked(old, make(300, tiny.CHATML + "x"), path))["chat-template"][0] == "does not"


def test_python(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    spam, ham = {"0": "spam", "1": "ham"}, {"0": "junk", "1": "ham"}
    path.write_text('def keep(result):\n    return result["label"] != "spam"\n')
    found = asked(make(id2label=spam), make(id2label=ham), path)
    assert found.kind == "python" and "app.py:2 names 'spam'" in by_rule(found)["labels"][1]
    assert found.verdict == "breaks"
    path.write_text("print(model.config.hidden_act)\n")
    uses = by_rule(asked(make(), make(hidden_act="gelu"), path))["unknown-setting"]
    assert uses[0] == "cannot tell" and "app.py:1 uses hidden_act" in uses[1]


@pytest.mark.more
def test_an_adapter(make: Make, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    old = make()
    model = AutoModelForCausalLM.from_pretrained(old)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT reads an attribute that transformers is to remove
        lora = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj", "down_proj"]))
        lora.save_pretrained(str(tmp_path / "lora"))
    same = by_rule(asked(old, make(hidden_act="gelu"), tmp_path / "lora"))
    assert same["unknown-setting"][0] == "does not"
    tokenizer = tiny.byte_tokenizer(chat_template=tiny.CHATML, size=300)
    wide = tiny.save(tiny.llama(tokenizer, hidden_size=64), tokenizer, tmp_path / "wide")
    found = asked(old, wide, tmp_path / "lora")
    assert found.kind == "adapter" and by_rule(found)["tensor-shape"][0] == "breaks"


@pytest.mark.more
def test_a_lock(local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder, repo = checkpoint(), "acme/bot"
    hfver.release(folder, repo, hub=local_hub, smoke="off")
    verdicts = {"1.0.0": "does not", "^1": "does not", ">=1": "cannot tell"}
    locks = [tmp_path / str(number) / "hfver.lock" for number in range(len(verdicts))]
    for lock, spec in zip(locks, verdicts, strict=True):
        lock.parent.mkdir()
        hfver.lock(f"{repo}@{spec}", hub=local_hub, path=lock)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hidden_act": "gelu"}))
    hfver.release(folder, repo, hub=local_hub, smoke="off")
    found = hfver.diff(f"{repo}@1.0.0", f"{repo}@2.0.0", hub=local_hub, consumers=locks).consumers
    assert [(one.kind, one.verdict) for one in found] == [("lock", verdict) for verdict in verdicts.values()], found


_HEADER = b"{'descr':'<i8','fortran_order':False,'shape':(999999999999,),}"
PROMISE = b"\x93NUMPY\x01\x00v\x00" + _HEADER.ljust(117) + b"\n"
"""A header that promises eight terabytes, and nothing behind it."""


@pytest.mark.more
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("huge.json", b"[" * 200_000),
        ("deep.json", b'{"a":' * 5000 + b"1" + b"}" * 5000),
        ("binary.gbnf", bytes(range(256)) * 10),
        ("binary.npy", b"\x93NUMPY\x01\x00garbage"),
        ("pickle.npy", b"\x80\x04cos\nsystem\n"),
        ("nul.py", b"a = '\0'\n"),
        ("deep.py", b"(" * 5000),
        ("numbers.txt", b"999999999 " * 10),
        ("long.json", json.dumps([9**1000]).encode()),
        ("negative.json", b"[-1, 2]"),
        ("empty.jsonl", b""),
        ("hfver.lock", b"\xff\xfe not a lock"),
        ("schema.json", b'{"properties": 1, "enum": {"a": 1}, "const": [1]}'),
        ("labels.json", b'{"id2label": {"0": 1}}'),
        ("bomb.yaml", b"a: &a [x,x]\nb: &b [*a,*a]\nmax-model-len: 9999999999999999999\n"),
        ("quotes.gbnf", b'"' + b'\\"' * 2_000_000),
        ("blank.yaml", b"\n" * 4_000_000),
        ("spaces.sh", b" " * 4_000_000),
        (
            "promise.npy",
            b"\x93NUMPY\x01\x00v\x00" + b"{'descr':'<i8','fortran_order':False,'shape':(10**12,)}".ljust(117) + b"\n",
        ),
        (
            "huge_shape.npy",
            b"\x93NUMPY\x01\x00v\x00"
            + b"{'descr':'<i8','fortran_order':False,'shape':(999999999999,),}".ljust(117)
            + b"\n",
        ),
        ("escape.py", b"a = '\\d'\n"),
        ("minus.py", b"x = " + b"-" * 100_000 + b"1\n"),
        ("many.json", json.dumps([[2**40] * 5]).encode()),
        ("serve.sh", b"--max-model-len --tp\x1b[2J " * 2000),
    ],
)
def test_hostile_consumers_are_answered(
    name: str, data: bytes, make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    old, new = make(300), make(320)
    assert main(["diff", str(old), str(new), "--consumer", str(path), "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)["consumers"]
    assert found["changes"] and all(answer["why"].isprintable() for answer in found["changes"])


@pytest.mark.timeout(60)
def test_a_pipe_is_not_waited_for(make: Make, tmp_path: Path) -> None:
    for name in ("hfver.lock", "ids.json"):
        os.mkfifo(tmp_path / name)
        assert asked(make(300), make(320), tmp_path / name).verdict == "cannot tell"


def test_hostile_folders_are_answered(make: Make, tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("[")
    (tmp_path / "empty").mkdir()
    for folder in ("adapter", "empty"):
        assert asked(make(300), make(320), tmp_path / folder).verdict == "cannot tell"


def test_people_see_the_answers_and_the_exit_code_stays(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "labels.json"
    path.write_text('["a", "b"]')
    arguments = ["diff", str(make()), str(make(id2label={"0": "b", "1": "a"})), "--consumer", str(path)]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "labels.json (labels)" in "".join(shown.split("\n")) and "breaks" in shown
    assert main([*arguments, "--fail-on", "major"]) == 1
    with pytest.raises(UsageError, match="does not exist"):
        hfver.diff(str(make()), str(make()), consumers=[tmp_path / "nowhere"])
