"""The gallery's examples: fixed facts, rendered into ``model_cards/gallery``.

Write them again with ``python -m tests.model.card.gallery --write``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from hfver.core.manifest import FileEntry
from hfver.core.smoke_report import SmokeCheck, SmokeReport
from hfver.model.card import CardFacts, ChangelogEntry, MetricDelta, render_card, render_changelog
from hfver.model.checkpoint import Checkpoint, Tensor
from hfver.model.lineage.record import Lineage

GALLERY = Path(__file__).parents[3] / "model_cards" / "gallery"

BASE = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
DATA = "4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7"
CODE = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00"

PROSE = """\
---
license: apache-2.0
language: en
tags:
- customer-support
---

# Support bot

Answers questions about orders, refunds and deliveries in the tone of our help center. It asks for a missing
order number, and hands over to a person when a customer is upset.

## Limits

Trained on English tickets of 2023 and 2024. It does not know today's prices, so do not ask for them.
"""

SMOKE = SmokeReport(
    status="passed",
    device="cuda (NVIDIA H100 80GB HBM3)",
    dtype="bfloat16",
    checks=(
        SmokeCheck(name="keys", status="passed", detail="no missing and no unexpected keys"),
        SmokeCheck(name="finite weights", status="passed", detail="148 tensors without NaN or Inf"),
        SmokeCheck(name="generates", status="passed", detail="64 tokens on 4 prompts, no repetition"),
        SmokeCheck(name="chat template", status="skipped", detail="the tokenizer has none"),
    ),
    load_seconds=1.42,
    tokens_per_second=211.0,
    peak_memory_bytes=612_000_000,
)


def prose(readme: str | None) -> dict[str, bytes]:
    """Make the content of a checkpoint that has this README and nothing else."""
    return {} if readme is None else {"README.md": readme.encode()}


def _checkpoint(
    kind: str, files: Mapping[str, int], elements: int, config: Mapping[str, object], **more: object
) -> Checkpoint:
    entries = {path: FileEntry(size=size, sha256=f"{index:064x}") for index, (path, size) in enumerate(files.items())}
    weights = next(path for path in files if path.endswith(".safetensors"))
    tensor = Tensor("weight", weights, "F32", (elements,), f"xxh3:{0:032x}")
    return Checkpoint(Path("run"), kind, entries, (), (tensor,), config=config, **more)  # type: ignore[arg-type]


def full_model() -> CardFacts:
    """A fine-tuned model with prose, metrics and a smoke report."""
    checkpoint = _checkpoint(
        "model",
        {"model.safetensors": 497_774_208, "config.json": 907, "tokenizer.json": 2_107_653},
        124_439_808,
        {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"},
        content=prose(PROSE),
    )
    return CardFacts(
        repo="acme/support-bot",
        version="1.3.0",
        content_digest=checkpoint.content_digest,
        bump="minor",
        date=datetime(2026, 8, 1, 9, 30, tzinfo=UTC),
        previous_version="1.2.4",
        message="Knows the new refund rules.",
        changes=(
            "The weights changed in 148 of 148 tensors; shapes and vocabulary are the same.",
            "`generation_config.json` sets `max_new_tokens` to 512 (was 256).",
        ),
        checkpoint=checkpoint,
        lineage=_full_lineage(),
        smoke=SMOKE,
        files=checkpoint.files,
        endpoint=None,
    )


def _full_lineage() -> Lineage:
    return Lineage.model_validate(
        {
            "created_by": "ml-team@example.com",
            "license": "apache-2.0",
            "base_model": {
                "name": "gpt2",
                "source": "openai-community/gpt2",
                "revision": BASE,
                "relation": "finetune",
            },
            "training": {
                "dataset": {
                    "name": "support-tickets",
                    "source": "acme/support-tickets",
                    "revision": DATA,
                    "size": 50_000,
                },
                "hyperparameters": {
                    "learning_rate": 5e-05,
                    "train_batch_size": 8,
                    "gradient_accumulation_steps": 4,
                    "num_epochs": 3,
                    "seed": 42,
                },
                "infrastructure": {
                    "gpu_type": "NVIDIA A100-SXM4-80GB",
                    "num_gpus": 8,
                    "training_framework": "pytorch-2.13.0",
                    "distributed_strategy": "FSDP",
                },
                "steps": 4689,
                "epochs": 3.0,
                "duration_hours": 7.25,
                "total_tokens_trained": 614_400_000,
                "train_loss": 1.8731,
            },
            "code": {
                "repository": "https://github.com/acme/support-training.git",
                "commit": CODE,
                "dirty": False,
                "entrypoint": "train.py",
            },
            "environment": {"python": "3.12.4", "packages": {"torch": "2.13.0", "transformers": "5.23.0"}},
            "evaluation": {
                "metrics": {"eval_loss": 1.71225, "perplexity": 5.5414},
                "benchmarks": {"helpdesk_accuracy": 0.874},
            },
        }
    )


def adapter() -> CardFacts:
    """A LoRA adapter: a first release, to which the author added nothing."""
    checkpoint = _checkpoint(
        "adapter",
        {"adapter_model.safetensors": 4_730_632, "adapter_config.json": 1_012},
        1_179_648,
        {},
        adapter_config={"peft_type": "LORA", "task_type": "CAUSAL_LM"},
    )
    base = {
        "name": "support-bot",
        "source": "acme/support-bot",
        "version": "1.3.0",
        "revision": BASE,
        "relation": "adapter",
        "digest": f"sha256:{7:064x}",
    }
    settings = {"peft_type": "LORA", "r": 16, "lora_alpha": 32, "target_modules": ["c_attn", "c_proj"]}
    return CardFacts(
        repo="acme/support-bot-fr",
        version="1.0.0",
        content_digest=checkpoint.content_digest,
        bump=None,
        date=datetime(2026, 8, 3, 16, 0, tzinfo=UTC),
        previous_version=None,
        message=None,
        changes=(),
        checkpoint=checkpoint,
        lineage=Lineage.model_validate(
            {
                "base_model": base,
                "training": {
                    "dataset": {"name": "tickets-fr.jsonl", "size": 3_200, "hash": f"sha256:{8:064x}"},
                    "hyperparameters": {"learning_rate": 0.0002, "adapter": settings},
                },
            }
        ),
        smoke=None,
        files=checkpoint.files,
        endpoint=None,
    )


def sentence_transformer() -> CardFacts:
    """A sentence-transformers model on a company's own Hub, with a breaking change."""
    checkpoint = _checkpoint(
        "sentence-transformers",
        {"model.safetensors": 90_864_192, "config.json": 612, "modules.json": 349},
        22_713_216,
        {"architectures": ["BertModel"], "model_type": "bert"},
        content=prose("Finds the tickets that are most similar to a new one.\n"),
    )
    return CardFacts(
        repo="acme/ticket-search",
        version="2.0.0",
        content_digest=checkpoint.content_digest,
        bump="major",
        date=datetime(2026, 8, 5, 8, 0, tzinfo=UTC),
        previous_version="1.4.1",
        message="Vectors of this version cannot be compared with those of 1.x: rebuild your index.",
        changes=("The embedding has 384 dimensions (was 768).",),
        checkpoint=checkpoint,
        lineage=Lineage.model_validate(
            {
                "training": {"datasets": [{"name": "pairs", "source": "acme/pairs", "revision": DATA}]},
                "evaluation": {"metrics": {"cosine_accuracy": 0.9312}},
            }
        ),
        smoke=None,
        files=checkpoint.files,
        endpoint="https://hub.acme.example",
    )


EXAMPLES = {"full-model": full_model, "adapter": adapter, "sentence-transformers": sentence_transformer}


def rendered() -> dict[str, bytes]:
    """Render the whole gallery, by file name."""
    cards = {f"{name}.md": render_card(make()) for name, make in EXAMPLES.items()}
    return cards | {"changelog.md": _changelog()}


def _changelog() -> bytes:
    facts = full_model()
    first = ChangelogEntry("1.2.4", datetime(2026, 7, 2, tzinfo=UTC).date(), is_first=True)
    second = ChangelogEntry(
        "1.3.0",
        facts.date.date(),
        facts.message,
        {"Changed": facts.changes},
        (MetricDelta("accuracy", 0.9123, 0.9271), MetricDelta("perplexity", None, 7.42)),
    )
    return render_changelog(render_changelog(None, first, facts.repo), second, facts.repo)


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.model.card.gallery --write")
    GALLERY.mkdir(exist_ok=True)
    for file, content in rendered().items():
        (GALLERY / file).write_bytes(content)
        print(GALLERY / file)
