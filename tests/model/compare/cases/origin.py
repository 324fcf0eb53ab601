"""What a model was made from: base, libraries, adapters, licenses."""

from __future__ import annotations

from dataclasses import replace

from tests.model.compare.cases.case import MAJOR, MINOR, Case
from tests.model.compare.edits import (
    PLAIN_ADAPTER,
    card,
    config,
    drop,
    lineage,
    moving,
    put,
    requires,
    settings,
)

CASES = (
    Case(
        "base-model",
        "bot",
        MAJOR,
        (lineage(name="x", source="acme/other"),),
        (lineage(name="x", source="Acme/Base"), lineage(name="x", source="acme/base", revision="b" * 40)),
    ),
    Case(
        "base-model",
        "adapter",
        MAJOR,
        (settings(PLAIN_ADAPTER, base_model_name_or_path="demo/other"),),
        (settings(PLAIN_ADAPTER, revision="x"), lineage(name="base", source="demo/base")),
    ),
    Case(
        "base-revision",
        "bot",
        MINOR,
        (lineage(name="x", source="acme/base", revision="b" * 40),),
        (lineage(name="x", source="acme/base"), lineage(name="x", source="acme/other", revision="b" * 40)),
    ),
    Case(
        "minimum-library",
        "bot",
        MAJOR,
        (
            requires(transformers=">=5.4"),
            requires(transformers=">=5.1,<6", peft=">=1"),
            config(min_transformers_version="9"),
        ),
        (requires(transformers=">=5.0"), requires(), requires(transformers=">= 5.1.0")),
        first=requires(transformers=">=5.1.0"),
    ),
    Case(
        "adapter",
        "adapter",
        MAJOR,
        (
            settings(PLAIN_ADAPTER, r=8),
            settings(PLAIN_ADAPTER, target_modules=["q_proj", "v_proj"]),
            settings(PLAIN_ADAPTER, modules_to_save=["lm_head"]),
            settings(PLAIN_ADAPTER, peft_type="IA3"),
        ),
        (
            settings(PLAIN_ADAPTER, r=1),
            settings(PLAIN_ADAPTER, lora_alpha=99),
            settings(PLAIN_ADAPTER, target_modules=["q_proj", "q_proj"]),
            settings(PLAIN_ADAPTER, exclude_modules=[], use_dora=...),
            settings(PLAIN_ADAPTER, lora_dropout=0.1),
        ),
    ),
    Case(
        "adapter-scaling",
        "adapter",
        MINOR,
        (
            settings(PLAIN_ADAPTER, lora_alpha=99),
            settings(PLAIN_ADAPTER, use_rslora=True),
            settings(PLAIN_ADAPTER, r=1),
        ),
        (
            settings(PLAIN_ADAPTER, lora_alpha=8.0),
            settings(PLAIN_ADAPTER, r=64),
            settings(PLAIN_ADAPTER, lora_alpha=...),
        ),
    ),
    Case(
        "adapter-merged",
        "bot",
        MAJOR,
        (put(PLAIN_ADAPTER, '{"peft_type": "LORA"}'),),
        (moving(), drop("config.json")),
    ),
    Case(
        "license",
        "bot",
        MAJOR,
        (
            card(license="cc-by-nc-4.0"),
            card(license="llama3.1"),
            card(license=...),
            card(license="gpl-3.0"),
            card(extra_gated_prompt="Agree."),
            lambda side: replace(side, card={}, documents={}),
        ),
        (card(license="mit"), card(license=["apache-2.0"]), card(tags=["x"])),
    ),
    Case(
        "license",
        "bot",
        MAJOR,
        (card(license="agpl-3.0"),),
        (card(license="cc0-1.0"),),
        first=card(license="cc-by-nc-4.0"),
    ),
    Case(
        "license",
        "bot",
        MAJOR,
        (card(license="other", license_name="acme"), card(license="other", license_link="LICENSE")),
        # As hfver writes it now, for a Hub that refuses what is not on its list.
        (
            card(license="other", license_name="proprietary"),
            card(license="other", license_name="proprietary", license_link="LICENSE"),
        ),
        first=card(license="Proprietary"),
    ),
    Case(
        "license-relaxed",
        "bot",
        MINOR,
        (card(license="apache-2.0"), card(license="mpl-2.0"), card(license="cc0-1.0")),
        (card(license="agpl-3.0"), card(license="other", license_name="mine"), card(license=...), card()),
        first=card(license="gpl-3.0"),
    ),
)
