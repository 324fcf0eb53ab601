"""Tokenizers and chat templates."""

from __future__ import annotations

import json

from tests.model.compare.cases.case import MAJOR, MINOR, PATCH, Case
from tests.model.compare.edits import (
    SPELLED_OUT,
    TOK,
    appended,
    both,
    cut_merges,
    drop,
    in_config,
    lowered,
    old_merges,
    padded_left,
    put,
    reordered,
    reshaped,
    settings,
    swapped,
    template,
    tokenizer,
    truncated,
    undefaulted,
)
from tests.model.smoke.tiny import CHATML

CASES = (
    Case(
        "token-ids",
        "bot",
        MAJOR,
        (
            tokenizer(swapped),
            tokenizer(lowered),
            tokenizer(cut_merges),
            tokenizer(truncated),
            tokenizer(lambda held: held["added_tokens"][3].update(lstrip=True)),
            put("tokenizer.json", "[]"),
            put("tokenizer.json", "{"),
            settings(TOK, padding_side="left"),
            settings(TOK, pad_token_type_id=1),
        ),
        (tokenizer(old_merges), tokenizer(undefaulted), reordered("tokenizer.json"), appended(440), SPELLED_OUT),
    ),
    Case(
        "token-ids",
        "bot",
        MAJOR,
        (
            settings(TOK, padding_side="right"),
            settings(TOK, truncation_side="left"),
            settings(TOK, pad_to_multiple_of=4),
        ),
        (settings(TOK, padding_side="left", pad_to_multiple_of=8, pad_token_type_id=0),),
        first=tokenizer(padded_left),
    ),
    Case(
        "token-ids",
        "bot",
        MAJOR,
        (settings(TOK, padding_side=...), settings(TOK, padding_side="right")),
        (settings(TOK, truncation_side="right"),),
        first=settings(TOK, padding_side="left"),
    ),
    Case(
        "token-ids",
        "bot",
        MAJOR,
        (SPELLED_OUT,),
        (reordered(TOK),),
        first=settings(TOK, auto_map={"AutoTokenizer": ["x.T", None]}),
    ),
    Case(
        "tokens-appended",
        "bot",
        MINOR,
        (
            appended(440),
            both(appended(440), settings(TOK, extra_special_tokens=["<|im_start|>", "<|im_end|>", "<|tool|>"])),
        ),
        (tokenizer(swapped), reordered("tokenizer.json"), tokenizer(cut_merges)),
    ),
    Case(
        "tokens-appended",
        "bot",
        MAJOR,
        (appended(451), appended(10**9), both(appended(440), reshaped("model.embed_tokens.weight", (439, 48)))),
        (appended(440, "<|im_end|>"),),
    ),
    Case(
        "tokenizer-class",
        "bot",
        PATCH,
        (settings(TOK, add_prefix_space=False), settings(TOK, tokenizer_class="PreTrainedTokenizerFast")),
        (settings(TOK, model_max_length=10**31), reordered(TOK)),
    ),
    Case(
        "tokenizer-class",
        "bot",
        MAJOR,
        (settings(TOK, tokenizer_class="GPT2Tokenizer"),),
        (settings(TOK, padding_side="left"),),
    ),
    Case(
        "chat-template",
        "bot",
        MAJOR,
        (
            template(CHATML.replace("assistant", "model")),
            template("{{ 1 / 0 }}"),
            template("{% for"),
            drop("chat_template.jinja"),
            in_config(CHATML + "!"),
            template("{% if audio %}x{% endif %}" + CHATML),
        ),
        (
            template(CHATML + "{# a comment #}"),
            in_config(),
            template(CHATML + "\n"),
            template(CHATML.replace("{{ ", "{{")),
        ),
    ),
    Case(
        "chat-template",
        "bot",
        MAJOR,
        (template(CHATML),),
        (put("additional_chat_templates/rag.jinja", CHATML),),
        first=drop("chat_template.jinja"),
    ),
    Case(
        "chat-template-extended",
        "bot",
        MINOR,
        (
            template(CHATML.replace("m['content']", "(m['content'] or '')")),
            template(CHATML.replace("for m in", "for turn in").replace("m['", "turn['")),
            put("additional_chat_templates/rag.jinja", CHATML),
        ),
        (template(CHATML + "x"), in_config(), template("{% if tools %}x{% endif %}" + CHATML)),
    ),
    Case(
        "chat-template-moved",
        "bot",
        PATCH,
        (
            in_config(),
            both(drop("chat_template.jinja"), put("chat_template.json", json.dumps({"chat_template": CHATML}))),
            settings(TOK, chat_template=CHATML),
            template(CHATML + "\n"),
        )[:2],
        (in_config(CHATML + "x"), template(CHATML + "x"), template(CHATML + "{# y #}")),
    ),
)
