"""Changes of embedding models, made by sentence-transformers from a tiny encoder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from typing import Any

from hfver.core.version import Bump
from tests.model.compare.pairs.made import MAJOR, MINOR, PATCH, Files, MadePair, saved_files, write_files

_WIDTH = 16


@cache
def _encoder(seed: int = 0) -> Files:
    """Return a tiny BERT and its tokenizer, as transformers saves them."""
    import torch
    from transformers import BertConfig, BertModel

    from tests.model.smoke import tiny

    torch.manual_seed(seed)
    tokenizer = tiny.word_tokenizer()
    sizes: dict[str, Any] = {"hidden_size": _WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, intermediate_size=32, **sizes))

    def save(folder: str) -> None:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    return saved_files(save)


def _model(
    *,
    seed: int = 0,
    pooling: str = "mean",
    normalize: bool = True,
    dense: int = 0,
    length: int = 32,
    pooled: Any = None,
    **settings: Any,
) -> Files:
    """Return what SentenceTransformer saves."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer

    with tempfile.TemporaryDirectory() as folder:
        write_files(_encoder(seed), folder)
        modules: list[Any] = [Transformer(folder, max_seq_length=length)]
        modules.append(Pooling(_WIDTH, pooling_mode=pooling, **(pooled or {})))
    torch.manual_seed(seed)
    modules += [Dense(_WIDTH, dense)] if dense else []
    modules += [Normalize()] if normalize else []
    model = SentenceTransformer(modules=modules, device="cpu", **settings)

    return saved_files(lambda folder: model.save(folder, create_model_card=False))


def _saved_again(files: Files) -> Files:
    from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory() as folder:
        write_files(files, folder)
        model = SentenceTransformer(folder, device="cpu")
        return saved_files(lambda other: model.save(other, create_model_card=False))


def _without(files: Files, path: str, *keys: str) -> Files:
    return {**files, path: {key: value for key, value in files[path].items() if key not in keys}}


def _with(files: Files, path: str, **settings: Any) -> Files:
    return {**files, path: {**files[path], **settings}}


def _pair(name: str, level: Bump, before: Callable[[], Files], after: Callable[[], Files], why: str = "") -> MadePair:
    return MadePair(f"embedding: {name}", "embedding", level, before, after, why)


def _set(name: str, level: Bump, why: str = "", **settings: Any) -> MadePair:
    return _pair(name, level, _model, lambda: _model(**settings), why)


_MAIN, _POOLING = "config_sentence_transformers.json", "1_Pooling/config.json"

_OLD_POOLING = {
    "word_embedding_dimension": _WIDTH,
    "pooling_mode_cls_token": False,
    "pooling_mode_mean_tokens": True,
    "pooling_mode_max_tokens": False,
    "pooling_mode_mean_sqrt_len_tokens": False,
}
_OLD_TYPES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]


_OLD_MAIN = {"__version__": {"sentence_transformers": "3.0.1"}, "prompts": {}, "similarity_fn_name": None}


def _as_version_3() -> Files:
    return {**_model(), _MAIN: _OLD_MAIN}


def _as_version_2() -> Files:
    """The same model in the files of sentence-transformers 2."""
    files = {**_model(), _POOLING: _OLD_POOLING, "modules.json": _OLD_TYPES}
    return {path: value for path, value in files.items() if path != "2_Normalize/config.json"}


PAIRS = (
    _set("from mean to the first token", MAJOR, pooling="cls"),
    _set("from mean to the last token", MAJOR, pooling="lasttoken"),
    _set("two ways of pooling side by side", MAJOR, pooling=("mean", "max")),
    _set("the prompt is left out of the mean", MAJOR, pooled={"include_prompt": False}),
    _set("no normalization any more", MAJOR, normalize=False),
    _pair("normalization added", MAJOR, lambda: _model(normalize=False), _model),
    _set("a dense layer added", MAJOR, dense=8),
    _pair("a wider dense layer", MAJOR, lambda: _model(dense=8), lambda: _model(dense=12)),
    _set("shortened vectors by default", MAJOR, truncate_dim=8),
    _set("prompts added", MAJOR, prompts={"query": "query: ", "document": "passage: "}, default_prompt_name="query"),
    _pair(
        "another prompt",
        MAJOR,
        lambda: _model(prompts={"query": "query: "}),
        lambda: _model(prompts={"query": "Represent this sentence: "}),
    ),
    _set("another similarity", MAJOR, "scores that were compared with a threshold change", similarity_fn_name="dot"),
    _set("texts are cut earlier", MAJOR, length=16),
    _set("texts are cut later", MINOR, length=64),
    _set("trained again", MAJOR, "stored vectors", seed=1),
    _pair(
        "saved again by version 6",
        MAJOR,
        _as_version_2,
        lambda: _saved_again(_as_version_2()),
        "older versions do not find the modules under their new names",
    ),
    _pair(
        "a switch for each way of pooling, as before version 6",
        PATCH,
        lambda: {**_model(), _POOLING: _OLD_POOLING},
        _model,
    ),
    _pair("empty prompts of version 3", PATCH, _as_version_3, lambda: _saved_again(_as_version_3())),
    _pair(
        "the layer that normalizes has a config",
        PATCH,
        lambda: {path: value for path, value in _model().items() if path != "2_Normalize/config.json"},
        _model,
    ),
    _pair(
        "the layer that normalizes reads something else",
        MAJOR,
        _model,
        lambda: _with(_model(), "2_Normalize/config.json", module_input_name="token_embeddings"),
    ),
    _pair(
        "written by other versions of the libraries",
        PATCH,
        _model,
        lambda: _with(
            _model(), _MAIN, __version__={"sentence_transformers": "5.0.0", "transformers": "4.53.0", "pytorch": "2.6"}
        ),
    ),
    _pair(
        "the default similarity left out",
        PATCH,
        lambda: _model(similarity_fn_name="cosine"),
        lambda: _without(_model(similarity_fn_name="cosine"), _MAIN, "similarity_fn_name"),
    ),
    _pair("a default of pooling left out", PATCH, _model, lambda: _without(_model(), _POOLING, "include_prompt")),
)
