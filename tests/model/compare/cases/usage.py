"""How a model is used: special tokens, sampling, labels, task, processor, stored vectors."""

from __future__ import annotations

import json

from tests.model.compare.cases.case import MAJOR, MINOR, Case
from tests.model.compare.edits import (
    GEN,
    TOK,
    both,
    card,
    change,
    config,
    drop,
    moving,
    put,
    reordered,
    resharded,
    settings,
)

CASES = (
    Case(
        "special-ids",
        "bot",
        MAJOR,
        (
            config(eos_token_id=4),
            config(eos_token_id=[1, 4]),
            settings(GEN, eos_token_id=[1, 4]),
            settings(GEN, pad_token_id=1),
            settings(TOK, eos_token="<|im_end|>"),
            settings(TOK, extra_special_tokens=["<|im_start|>"]),
        ),
        (
            config(eos_token_id=[1]),
            settings(GEN, eos_token_id=[1]),
            settings(TOK, eos_token={"content": "</s>", "lstrip": False}),
            drop(GEN),
        ),
    ),
    Case(
        "sampling",
        "bot",
        MINOR,
        (settings(GEN, temperature=0.7), settings(GEN, do_sample=True), settings(GEN, max_new_tokens=64)),
        (settings(GEN, temperature=1.0, top_p=1), settings(GEN, eos_token_id=4), settings(GEN, use_cache=False)),
    ),
    Case(
        "labels",
        "classifier",
        MAJOR,
        (
            config(id2label={"0": "new", "1": "old"}, label2id={"new": 0, "old": 1}),
            config(id2label={"0": "Old", "1": "new"}),
            config(id2label={"0": "old", "1": "new", "2": "x"}),
        ),
        (config(num_labels=2), reordered("config.json"), config(id2label={"1": "new", "0": "old"})),
    ),
    Case(
        "task",
        "bot",
        MAJOR,
        (card(pipeline_tag="text-classification"), card(library_name="peft"), config(problem_type="regression")),
        (card(tags=["x"]), config(use_cache=False), card()),
        first=config(problem_type="single_label_classification"),
    ),
    Case(
        "processor",
        "viewer",
        MAJOR,
        (
            settings("preprocessor_config.json", image_mean=[0.4, 0.5, 0.5]),
            settings("preprocessor_config.json", size={"height": 336}),
            drop("preprocessor_config.json"),
        ),
        (
            settings("preprocessor_config.json", processor_class="ViTProcessor"),
            reordered("preprocessor_config.json"),
            both(
                drop("preprocessor_config.json"),
                put(
                    "processor_config.json",
                    json.dumps(
                        {
                            "image_processor": {
                                "size": {"height": 224},
                                "image_mean": [0.5, 0.5, 0.5],
                                "image_processor_type": "ViTImageProcessor",
                            }
                        }
                    ),
                ),
            ),
        ),
    ),
    Case(
        "embedding-space",
        "sentence",
        MAJOR,
        (
            moving("2_Dense/linear.weight"),
            settings("1_Pooling/config.json", pooling_mode_cls_token=True),
            change("modules.json", lambda held: held[:3]),
            put("config_sentence_transformers.json", '{"similarity_fn_name": "dot"}'),
        ),
        (
            resharded(),
            put("config_sentence_transformers.json", '{"__version__": {"x": "1"}}'),
            reordered("config.json"),
        ),
    ),
    Case("embedding-space", "bot", MAJOR, (moving(),), (resharded(),), first=card(pipeline_tag="feature-extraction")),
    # A cross-encoder's scores are not stored, so new weights break nobody.
    Case(
        "weights",
        "bot",
        MINOR,
        (moving(),),
        (resharded(),),
        first=card(library_name="sentence-transformers", pipeline_tag="text-ranking"),
    ),
    Case(
        "weights",
        "bot",
        MINOR,
        (moving(),),
        (resharded(),),
        first=both(
            card(library_name="sentence-transformers", pipeline_tag=...),
            config(architectures=["BertForSequenceClassification"]),
        ),
    ),
)
