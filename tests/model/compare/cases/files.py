"""Files: code, documents, rewritten and unknown ones."""

from __future__ import annotations

from dataclasses import replace

from tests.model.compare.cases.case import MAJOR, MINOR, PATCH, Case
from tests.model.compare.edits import (
    GEN,
    LEGACY_NAMES,
    PLAIN_ADAPTER,
    SPELLED_OUT,
    TOK,
    config,
    drop,
    moving,
    nested,
    old_merges,
    put,
    reordered,
    settings,
    swapped,
    template,
    tokenizer,
    undefaulted,
    without,
)
from tests.model.smoke.tiny import CHATML

CASES = (
    Case(
        "remote-code",
        "bot",
        MAJOR,
        (
            put("modeling_x.py", "x = 2"),
            drop("modeling_x.py"),
            config(auto_map={"AutoModel": "modeling_x.M"}),
            settings(TOK, auto_map={"AutoTokenizer": ["x.T", None]}),
            config(_attn_implementation_internal="x/y"),
        ),
        (put("notes.md", "x = 2"), config(use_cache=False)),
        first=put("modeling_x.py", "x = 1"),
    ),
    Case(
        "rewritten",
        "bot",
        PATCH,
        (
            reordered("config.json"),
            LEGACY_NAMES,
            config(eos_token_id=[1]),
            tokenizer(old_merges),
            tokenizer(undefaulted),
            settings(GEN, temperature=1.0),
            settings(TOK, model_max_length=10**31),
            SPELLED_OUT,
            template(CHATML + "{# a comment #}"),
            template(CHATML.replace("m['role']", "m.role")),
        ),
        (config(mlp_bias=True), put("config.json", "{"), tokenizer(swapped)),
    ),
    Case(
        "rewritten",
        "adapter",
        PATCH,
        (
            settings(PLAIN_ADAPTER, use_dora=..., exclude_modules=[]),
            reordered(PLAIN_ADAPTER),
            settings(PLAIN_ADAPTER, init_lora_weights="gaussian"),
        ),
        (settings(PLAIN_ADAPTER, use_dora=True), settings(PLAIN_ADAPTER, init_lora_weights="pissa")),
    ),
    Case("further-folder", "adapter", MINOR, (nested("french"),), (put("french/notes.md", "x"), moving())),
    Case("further-folder", "bot", MINOR, (nested("fp32"),), (put("tokens/config.json", "{}"), moving())),
    Case(
        "further-folder", "adapter", MAJOR, (without("french"),), (moving(), nested("german")), first=nested("french")
    ),
    Case(
        "adapter",
        "adapter",
        MAJOR,
        (nested("french", settings(PLAIN_ADAPTER, r=99)), nested("french", settings(PLAIN_ADAPTER, peft_type="IA3"))),
        (nested("french", moving()), nested("german", settings(PLAIN_ADAPTER, r=99))),
        first=nested("french"),
    ),
    Case(
        "weights",
        "adapter",
        MINOR,
        (nested("french", moving()),),
        (nested("german", moving()), nested("french", reordered(PLAIN_ADAPTER))),
        first=nested("french"),
    ),
    Case(
        "docs",
        "bot",
        PATCH,
        (
            put("LICENSE", "MIT"),
            put("images/loss.png", b"x"),
            put("eval_results.json", "{}"),
            lambda side: replace(side, documents={**side.documents, "README.md": "sha256:9"}),
            lambda side: replace(side, documents={"lineage.yaml": side.documents["lineage.yaml"]}),
        ),
        (
            put("data.csv", "1"),
            lambda side: replace(side, documents={"README.md": side.documents["README.md"]}),
            lambda side: replace(side, documents={}),
        ),
    ),
    Case(
        "docs",
        "bot",
        PATCH,
        (lambda side: replace(side, documents={}),),
        (put("data.csv", "1"),),
        first=lambda side: replace(side, documents={"README.md": side.documents["README.md"]}),
    ),
    Case(
        "opaque-weights",
        "bot",
        MAJOR,
        (put("model-q4.gguf", "2"), drop("model-q4.gguf")),
        (put("readme.md", "x"), put("other.txt", "x")),
        first=put("model-q4.gguf", "1"),
    ),
    Case("opaque-weights", "bot", MINOR, (put("model-q4.gguf", "1"),), (put("x.csv", "1"),)),
    Case(
        "unreadable",
        "bot",
        MAJOR,
        (put("config.json", "{"), put("config.json", "[" * 10000), put(TOK, b"\xff"), put(GEN, '{"a": 1, "a": 2}')),
        (put("mine.json", "{"), config(hidden_act="gelu")),
    ),
    Case(
        "other-file",
        "bot",
        MAJOR,
        (put("labels.csv", "2"), drop("labels.csv")),
        (put("NOTES.md", "x"),),
        first=put("labels.csv", "1"),
    ),
    Case("other-file", "bot", MINOR, (put("labels.csv", "1"),), (put("NOTES.md", "x"),)),
)
