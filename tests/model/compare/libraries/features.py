"""What newer libraries write otherwise than older ones: each feature in a folder of its own, and the older spelling.

Both folders of a feature are saves of the installed libraries, edited so that the feature is all that is new in them.
What a version makes of the control shows whether it can read the rest.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch

from tests.model.compare.metadata.tiny_models import with_inputs
from tests.model.smoke import tiny

__all__ = ["FEATURES", "Feature"]

Edit = Callable[[Path], None]
TOK = "tokenizer_config.json"


@dataclass(frozen=True)
class Feature:
    """Something that a newer version of a library writes.

    Attributes:
        id: Its name in the table; ``hfver.model.compare.libraries`` recognizes it by the same name.
        library: The library whose versions are measured.
        kind: How it is read, a key of ``read.KINDS``.
        of: Makes a folder as all measured versions read it.
        edit: Puts the feature into it.
    """

    id: str
    library: str
    kind: str
    of: Callable[[], Path]
    edit: Edit

    def folders(self, root: Path) -> tuple[Path, Path]:
        """Write the folder with the feature, and the control without it."""
        found = []
        for name in ("with", "control"):
            folder = root / f"{self.id}-{name}"
            shutil.copytree(self.of(), folder, dirs_exist_ok=True)
            if name == "with":
                self.edit(folder)
            found.append(folder)
        return found[0], found[1]


def changed(path: Path, change: Callable[[Any], Any]) -> None:
    """Change a JSON file in place."""
    held = json.loads(path.read_text(encoding="utf-8"))
    result = change(held)
    path.write_text(json.dumps(held if result is None else result), encoding="utf-8")


def keys(name: str, **changes: Any) -> Edit:
    """Return an edit that sets keys of a JSON file; ``...`` removes one."""

    def change(held: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in {**held, **changes}.items() if value is not ...}

    return lambda folder: changed(folder / name, change)


def both(*edits: Edit) -> Edit:
    """Return the edits one after the other."""

    def edit(folder: Path) -> None:
        for one in edits:
            one(folder)

    return edit


@cache
def empty() -> Path:
    """Return a folder for everything that is made here, once per process."""
    return Path(mkdtemp(prefix="hfver-features-"))


def saved_model(kind: str, **settings: Any) -> Path:
    """Save a tiny random model with inputs that it accepts, its config in the words of transformers 4."""
    found = with_inputs(kind)
    assert found is not None, kind
    folder = Path(mkdtemp(dir=empty()))
    found.model.save_pretrained(folder)
    torch.save(found.inputs, folder / "inputs.pt")
    keys("config.json", rope_parameters=..., dtype=..., torch_dtype="float32", **settings)(folder)
    return folder


@cache
def llama() -> Path:
    """Save a Llama as transformers 4 does."""
    return saved_model("llama", rope_theta=10000.0)


@cache
def gemma3() -> Path:
    """Save a Gemma 3 with one theta for local layers and another for global ones, as transformers 4 does."""
    # Inputs are longer than the window of 8, and the default is a global layer after every five local ones.
    return saved_model("gemma3_text", rope_theta=1000000.0, rope_local_base_freq=10000.0, layer_types=...)


@cache
def tokenizer() -> Path:
    """Save a tokenizer as transformers 4 does."""
    folder = Path(mkdtemp(dir=empty()))
    held = tiny.byte_tokenizer()
    held.add_special_tokens({"extra_special_tokens": ["<x>"]})
    held.save_pretrained(folder)
    keys(TOK, tokenizer_class="PreTrainedTokenizerFast", backend=..., extra_special_tokens=...)(folder)
    keys(TOK, additional_special_tokens=["<x>"])(folder)

    def join_merges(held: dict[str, Any]) -> None:
        merges = held["model"]["merges"]
        held["model"]["merges"] = [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]

    changed(folder / "tokenizer.json", join_merges)
    return folder


def class_tokenizer(name: str) -> Callable[[], Path]:
    """Return a maker of a tokenizer whose class adds a token at the beginning, without any in tokenizer.json."""

    @cache
    def make() -> Path:
        import transformers

        folder = Path(mkdtemp(dir=empty()))
        letters = ["▁", *"abcdefghijklmnopqrstuvwxyz", "<x>"]
        vocab = {token: at for at, token in enumerate(["<pad>", "<eos>", "<bos>", "<unk>", *letters])}
        if name == "LlamaTokenizer":
            vocab = {token: at for at, token in enumerate(["<unk>", "<s>", "</s>", *letters])}
        getattr(transformers, name)(vocab, []).save_pretrained(folder)
        keys(TOK, backend=..., add_bos_token=False, add_eos_token=False)(folder)
        changed(folder / "tokenizer.json", lambda held: held | {"post_processor": None})
        return folder

    return make


def template_file(folder: Path) -> None:
    """Put the chat template into a file of its own."""
    keys(TOK, chat_template=...)(folder)
    (folder / "chat_template.jinja").write_text(tiny.CHATML, encoding="utf-8")


def named_files(folder: Path) -> None:
    """Put each of the chat templates into a file of its own."""
    template_file(folder)
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool_use.jinja").write_text("T" + tiny.CHATML, encoding="utf-8")


def with_template(value: Any) -> Callable[[], Path]:
    """Return a maker of a tokenizer with a chat template."""

    @cache
    def make() -> Path:
        folder = Path(mkdtemp(dir=empty()))
        shutil.copytree(tokenizer(), folder, dirs_exist_ok=True)
        keys(TOK, chat_template=value)(folder)
        return folder

    return make


def merge_pairs(folder: Path) -> None:
    """Write each merge as a list of two, as tokenizers 0.20 does."""

    def change(held: dict[str, Any]) -> None:
        held["model"]["merges"] = [merge.split(" ") for merge in held["model"]["merges"]]

    changed(folder / "tokenizer.json", change)


@cache
def whisper() -> Path:
    """Save a feature extractor."""
    from transformers import WhisperFeatureExtractor

    folder = Path(mkdtemp(dir=empty()))
    WhisperFeatureExtractor(feature_size=40).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


@cache
def picture() -> Path:
    """Save an image processor."""
    from transformers import CLIPImageProcessor

    folder = Path(mkdtemp(dir=empty()))
    kind: Any = CLIPImageProcessor
    kind(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def nested(key: str) -> Edit:
    """Move a part of a processor into processor_config.json, as transformers 5 does."""

    def edit(folder: Path) -> None:
        held = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
        (folder / "preprocessor_config.json").unlink()
        (folder / "processor_config.json").write_text(json.dumps({key: held}), encoding="utf-8")

    return edit


_OLD_LORA = {
    *("auto_mapping", "base_model_name_or_path", "bias", "fan_in_fan_out", "inference_mode", "init_lora_weights"),
    *("lora_alpha", "lora_dropout", "modules_to_save", "peft_type", "r", "revision", "target_modules", "task_type"),
}
"""What each version of peft that is measured writes."""


def adapter(**settings: Any) -> Callable[[], Path]:
    """Return a maker of a LoRA adapter, with its base beside it."""

    @cache
    def make() -> Path:
        import peft
        from transformers import AutoModelForCausalLM

        folder = Path(mkdtemp(dir=empty()))
        held = tiny.byte_tokenizer()
        tiny.save(tiny.llama(held), held, folder / "base")
        plain: Any = {"r": 4, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
        model = AutoModelForCausalLM.from_pretrained(folder / "base")
        with_adapter: Any = peft.get_peft_model(model, peft.LoraConfig(**{**plain, **settings}))
        with torch.no_grad():
            for parameter in with_adapter.parameters():
                if parameter.requires_grad:
                    parameter.normal_(0, 0.3)
        with_adapter.save_pretrained(folder / "adapter")
        keep = {*_OLD_LORA, *settings}
        changed(folder / "adapter/adapter_config.json", lambda held: {key: held[key] for key in held if key in keep})
        # The base is to be read by every version that is measured.
        keys("base/config.json", rope_parameters=..., rope_theta=10000.0)(folder)
        return folder

    return make


def settings_of(**settings: Any) -> Edit:
    """Return an edit that replaces the adapter by one with these settings."""

    def edit(folder: Path) -> None:
        shutil.copytree(adapter(**settings)(), folder, dirs_exist_ok=True)

    return edit


_OLD_MODULES = ["sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling"]


@cache
def sentences() -> Path:
    """Save an embedding model as sentence-transformers 2 to 5 do."""
    import importlib

    models: Any = importlib.import_module("sentence_transformers.models")
    kind: Any = importlib.import_module("sentence_transformers").SentenceTransformer
    folder = Path(mkdtemp(dir=empty()))
    held = tiny.word_tokenizer()
    encoder = tiny.save(tiny.encoder(held), held, folder / "encoder")
    modules = [models.Transformer(str(encoder)), models.Pooling(48, "cls"), models.Dense(48, 8)]
    kind(modules=modules).save_pretrained(str(folder / "model"))
    saved = folder / "model"
    keys(TOK, tokenizer_class="PreTrainedTokenizerFast", backend=..., extra_special_tokens=...)(saved)
    keys("config.json", dtype=..., torch_dtype="float32")(saved)
    paths = [*_OLD_MODULES, "sentence_transformers.models.Dense"]
    changed(
        saved / "modules.json",
        lambda held: [entry | {"type": path} for entry, path in zip(held, paths, strict=True)],
    )
    (saved / "sentence_bert_config.json").write_text('{"max_seq_length": 64, "do_lower_case": false}')
    pooling = {"word_embedding_dimension": 48, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (saved / "1_Pooling/config.json").write_text(json.dumps(pooling))
    keys("2_Dense/config.json", module_input_name=..., module_output_name=...)(saved)
    (saved / "config_sentence_transformers.json").write_text("{}")
    return saved


def files(written: Mapping[str, Any]) -> Edit:
    """Return an edit that writes JSON files."""

    def edit(folder: Path) -> None:
        for name, value in written.items():
            (folder / name).write_text(json.dumps(value), encoding="utf-8")

    return edit


_POOLING = {"embedding_dimension": 48, "pooling_mode": "cls", "include_prompt": True}
_TRANSFORMER = {
    "transformer_task": "feature-extraction",
    "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
    "module_output_name": "token_embeddings",
}
_ROPE3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
_LAYERS = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 20000.0},
    "full_attention": {"rope_type": "default", "rope_theta": 500000.0},
}
_TRANSFORMERS = "transformers"
_ST = "sentence-transformers"

FEATURES = (
    Feature(
        "rope-parameters",
        _TRANSFORMERS,
        "model",
        llama,
        keys("config.json", rope_theta=..., rope_parameters={"rope_type": "default", "rope_theta": 500000.0}),
    ),
    Feature(
        "rope-by-layer-type",
        _TRANSFORMERS,
        "model",
        gemma3,
        keys("config.json", rope_theta=..., rope_local_base_freq=..., rope_parameters=_LAYERS),
    ),
    Feature("rope-type-key", _TRANSFORMERS, "model", llama, keys("config.json", rope_scaling=_ROPE3)),
    Feature(
        "layer-types",
        _TRANSFORMERS,
        "model",
        gemma3,
        keys("config.json", layer_types=["full_attention", "full_attention"]),
    ),
    Feature("dtype-key", _TRANSFORMERS, "dtype", llama, keys("config.json", torch_dtype=..., dtype="float32")),
    Feature(
        "quantization-method",
        _TRANSFORMERS,
        "model",
        llama,
        keys("config.json", quantization_config={"quant_method": "of-a-later-version"}),
    ),
    Feature("model-type", _TRANSFORMERS, "config", llama, keys("config.json", model_type="of_a_later_version")),
    Feature("tokenizer-backend", _TRANSFORMERS, "tokenizer", tokenizer, keys(TOK, tokenizer_class="TokenizersBackend")),
    Feature(
        "extra-special-tokens-list",
        _TRANSFORMERS,
        "tokenizer",
        tokenizer,
        keys(TOK, additional_special_tokens=..., extra_special_tokens=["<x>"]),
    ),
    Feature("chat-template-file", _TRANSFORMERS, "tokenizer", with_template(tiny.CHATML), template_file),
    Feature(
        "named-template-files",
        _TRANSFORMERS,
        "named templates",
        with_template(
            [{"name": "default", "template": tiny.CHATML}, {"name": "tool_use", "template": "T" + tiny.CHATML}]
        ),
        named_files,
    ),
    Feature("merge-pairs", _TRANSFORMERS, "tokenizer", tokenizer, merge_pairs),
    *(
        Feature(
            f"no-bos-in-file:{name}",
            _TRANSFORMERS,
            "tokenizer",
            class_tokenizer(name),
            keys(TOK, add_bos_token=..., add_eos_token=...),
        )
        for name in ("GemmaTokenizer", "LlamaTokenizer")
    ),
    Feature(
        "image-processor-class",
        _TRANSFORMERS,
        "image processor",
        picture,
        keys("preprocessor_config.json", image_processor_type="LaterImageProcessor"),
    ),
    Feature(
        "feature-extractor-class",
        _TRANSFORMERS,
        "features",
        whisper,
        keys("preprocessor_config.json", feature_extractor_type="LaterFeatureExtractor"),
    ),
    Feature("nested-image-processor", _TRANSFORMERS, "image processor", picture, nested("image_processor")),
    Feature("nested-feature-extractor", _TRANSFORMERS, "features", whisper, nested("feature_extractor")),
    Feature("adapter-key", "peft", "adapter", adapter(), keys("adapter/adapter_config.json", a_later_setting=None)),
    Feature(
        "trainable-tokens", "peft", "adapter", adapter(), settings_of(trainable_token_indices={"embed_tokens": [4, 5]})
    ),
    Feature("target-parameters", "peft", "adapter", adapter(), settings_of(target_parameters=["mlp.down_proj.weight"])),
    Feature("lora-bias", "peft", "adapter", adapter(), settings_of(lora_bias=True)),
    Feature(
        "adapter-kind",
        "peft",
        "adapter",
        adapter(),
        keys("adapter/adapter_config.json", peft_type="OF_A_LATER_VERSION"),
    ),
    Feature(
        "module-path",
        _ST,
        "sentence",
        sentences,
        lambda folder: changed(
            folder / "modules.json",
            lambda held: [
                held[0] | {"type": "sentence_transformers.base.modules.transformer.Transformer"},
                held[1] | {"type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling"},
                held[2] | {"type": "sentence_transformers.base.modules.dense.Dense"},
            ],
        ),
    ),
    Feature("pooling-mode", _ST, "sentence", sentences, files({"1_Pooling/config.json": _POOLING})),
    Feature(
        "dense-names",
        _ST,
        "sentence",
        sentences,
        keys("2_Dense/config.json", module_input_name="sentence_embedding", module_output_name="sentence_embedding"),
    ),
    Feature("transformer-task", _ST, "sentence", sentences, files({"sentence_bert_config.json": _TRANSFORMER})),
    Feature(
        "model-kind",
        _ST,
        "sentence",
        sentences,
        files(
            {"config_sentence_transformers.json": {"model_type": "SentenceTransformer", "similarity_fn_name": "cosine"}}
        ),
    ),
    Feature(
        "default-prompt",
        _ST,
        "sentence",
        sentences,
        files({"config_sentence_transformers.json": {"prompts": {"q": "the ship: "}, "default_prompt_name": "q"}}),
    ),
)
