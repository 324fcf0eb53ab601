"""Tiny real checkpoints, made once by the libraries that make large ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hfver.model.compare import Side, describe_folder
from hfver.model.lineage.record import BaseModelLink, Lineage
from tests.model.checkpoint.conftest import adapter_folder, sentence_folder
from tests.model.smoke import tiny

__all__ = ["adapter_folder", "sentence_folder"]

CARD = {"license": "apache-2.0", "pipeline_tag": "text-generation", "library_name": "transformers"}


def described(folder: Path) -> Side:
    found = describe_folder(folder)
    return replace(found.side(found), name=folder.name, documents={"README.md": "sha256:1", "lineage.yaml": "sha256:2"})


@pytest.fixture(scope="session")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Side:
    """A chat model with spare rows in its embedding."""
    tokenizer = tiny.byte_tokenizer(chat_template=tiny.CHATML)
    model = tiny.llama(tokenizer)
    with tiny.hushed():
        model.resize_token_embeddings(len(tokenizer) + 12, mean_resizing=False)
    side = described(tiny.save(model, tokenizer, tmp_path_factory.mktemp("made") / "bot"))
    base = BaseModelLink(name="base", source="acme/base", revision="a" * 40, relation="finetune")
    return replace(side, card=CARD, lineage=Lineage(base_model=base))


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Side:
    """A BERT with two classes."""
    tokenizer = tiny.word_tokenizer()
    return described(tiny.save(tiny.classifier(tokenizer), tokenizer, tmp_path_factory.mktemp("made") / "classifier"))


@pytest.fixture(scope="session")
def viewer(classifier: Side) -> Side:
    """A checkpoint with an image processor."""
    from tests.model.compare.edits import put

    mean = [0.5, 0.5, 0.5]
    numbers = f'{{"image_mean": {mean}, "image_processor_type": "ViTImageProcessor", "size": {{"height": 224}}}}'
    return put("preprocessor_config.json", numbers)(classifier)


@pytest.fixture(scope="session")
def sides(bot: Side, classifier: Side, viewer: Side, adapter_folder: Path, sentence_folder: Path) -> Mapping[str, Side]:
    """Every checkpoint, by name."""
    return {
        "bot": bot,
        "classifier": classifier,
        "viewer": viewer,
        "adapter": described(adapter_folder),
        "sentence": described(sentence_folder),
    }
