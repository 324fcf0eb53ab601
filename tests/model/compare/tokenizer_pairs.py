"""Pairs of tokenizers as public repos have them, each with the level that its change requires.

Every file is written by transformers itself or, for those that only older versions wrote, edited by hand from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import (
    ByT5Tokenizer,
    GemmaTokenizer,
    GPT2Tokenizer,
    LlamaTokenizer,
    Wav2Vec2CTCTokenizer,
    XLMRobertaTokenizer,
)
from transformers.convert_slow_tokenizer import import_protobuf

from hfver.core.version import Bump
from tests.model.smoke import tiny

Files = Mapping[str, bytes]
Edit = Callable[[Files], Files]

TOK, JSON, MAP, ADDED = "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json"
MAJOR, MINOR, PATCH = Bump.MAJOR, Bump.MINOR, Bump.PATCH
ROWS = 1000
"""Rows of the embedding that config.json promises: enough for every token that is appended."""
LETTERS = [*"abcdefghijklmnopqrstuvwxyz"]


@dataclass(frozen=True)
class TokenizerPair:
    """A tokenizer, an edit of its files, and the level that the edit requires.

    Attributes:
        name: What happens to it.
        of: Makes the tokenizer's files.
        edit: Makes the other side of them.
        level: The level that the change requires.
        first: Applied to both sides before.
        oldest: The level that the oldest transformers that are allowed give, where it is a different one.
        needs: A library without which neither side can be loaded, so that the level is MAJOR.
    """

    name: str
    of: Callable[[], Files]
    edit: Edit
    level: Bump
    first: Edit = field(default=lambda files: files)
    oldest: Bump | None = None
    needs: str = ""


def saved(tokenizer: Any) -> Files:
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def made(kind: Any, *arguments: Any) -> Any:
    """Call what transformers declares no types for, or wrong ones."""
    return kind(*arguments)


def put(name: str, value: Any) -> Edit:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return lambda files: {**files, name: data}


def drop(*names: str) -> Edit:
    return lambda files: {name: data for name, data in files.items() if name not in names}


def keys(name: str, **changes: Any) -> Edit:
    """Set keys of a JSON file; ``...`` removes one."""

    def edit(files: Files) -> Files:
        held = {**json.loads(files.get(name, b"{}")), **changes}
        return put(name, {key: value for key, value in held.items() if value is not ...})(files)

    return edit


def within(name: str, change: Callable[[Any], Any]) -> Edit:
    """Change the value of a JSON file in place."""

    def edit(files: Files) -> Files:
        held = json.loads(files[name])
        change(held)
        return put(name, held)(files)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(files: Files) -> Files:
        for one in edits:
            files = one(files)
        return files

    return edit


def flags(**changes: bool) -> dict[str, bool]:
    return {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} | changes


def decoder_rows(files: Files) -> dict[str, Any]:
    """Return the ``added_tokens_decoder`` that transformers 4 wrote beside tokenizer.json."""
    rows = json.loads(files[JSON])["added_tokens"]
    return {str(row["id"]): {key: value for key, value in row.items() if key != "id"} for row in rows}


def with_decoder(files: Files) -> Files:
    return keys(TOK, added_tokens_decoder=decoder_rows(files))(files)


@cache
def byte_level() -> Files:
    return saved(tiny.byte_tokenizer())


@cache
def word_pieces() -> Files:
    return saved(tiny.word_tokenizer())


@cache
def gemma() -> Files:
    names = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *LETTERS, "▁a", "ab"]
    return saved(made(GemmaTokenizer, {name: at for at, name in enumerate(names)}, [("▁", "a"), ("a", "b")]))


@cache
def llama() -> Files:
    names = ["<unk>", "<s>", "</s>", "▁", *LETTERS, "▁a", "ab"]
    return saved(made(LlamaTokenizer, {name: at for at, name in enumerate(names)}, [("▁", "a"), ("a", "b")]))


@cache
def unigram() -> Files:
    names = ["<s>", "<pad>", "</s>", "<unk>", "▁", *LETTERS, "▁ab", "<mask>"]
    return saved(XLMRobertaTokenizer([(name, -float(at)) for at, name in enumerate(names)]))


@cache
def speech() -> Files:
    names = ["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS]
    with TemporaryDirectory() as folder:
        path = Path(folder, "vocab.json")
        path.write_text(json.dumps({name: at for at, name in enumerate(names)}))
        return saved(made(Wav2Vec2CTCTokenizer, str(path)))


@cache
def utf8() -> Files:
    return saved(ByT5Tokenizer())


@cache
def gpt2() -> Files:
    """GPT-2 as in 2019: vocab.json and merges.txt alone."""
    alphabet = sorted(json.loads(byte_level()[JSON])["model"]["vocab"].items(), key=lambda row: row[1])
    names = [name for name, _ in alphabet if len(name) == 1] + ["th", "the", "<|endoftext|>"]
    vocab = {name: at for at, name in enumerate(names)}
    settings = json.loads(saved(made(GPT2Tokenizer, vocab, [("t", "h"), ("th", "e")]))[TOK])
    merges = b"#version: 0.2\nt h\nth e\n"
    return {TOK: json.dumps(settings).encode(), "vocab.json": json.dumps(vocab).encode(), "merges.txt": merges}


@cache
def sentencepiece() -> Files:
    """A Llama as in 2023: tokenizer.model alone, as SentencePiece writes it."""
    return {TOK: llama()[TOK], "tokenizer.model": model_file(["<unk>", "<s>", "</s>", "▁", *LETTERS, "▁a", "ab"])}


def model_file(pieces: list[str]) -> bytes:
    proto = made(import_protobuf).ModelProto()
    proto.trainer_spec.model_type = 2  # BPE
    proto.trainer_spec.byte_fallback = False
    proto.trainer_spec.unk_id, proto.trainer_spec.bos_id, proto.trainer_spec.eos_id = 0, 1, 2
    proto.normalizer_spec.add_dummy_prefix = True
    for number, text in enumerate(pieces):
        kind = {"<unk>": 2, "<s>": 3, "</s>": 3}.get(text, 1)
        proto.pieces.add(piece=text, score=-float(number), type=kind)
    return bytes(proto.SerializeToString())


def converted(files: Files) -> Files:
    """Load and save again, which writes tokenizer.json from the old files."""
    from transformers import AutoTokenizer

    with TemporaryDirectory() as folder:
        for name, data in files.items():
            Path(folder, name).write_bytes(data)
        return saved(AutoTokenizer.from_pretrained(folder))


def beside_model(files: Files) -> Files:
    """Add what transformers makes of tokenizer.model, or, without the library for it, the tokenizer.json of a Llama."""
    made = converted(files) if find_spec("sentencepiece") else llama()
    return {**made, "tokenizer.model": files["tokenizer.model"]}


def appended_piece(files: Files) -> Files:
    return put("tokenizer.model", model_file(["<unk>", "<s>", "</s>", "▁", *LETTERS, "▁a", "ab", "<tool>"]))(files)


def moved_piece(files: Files) -> Files:
    pieces = ["<unk>", "<s>", "</s>", "▁", *reversed(LETTERS), "▁a", "ab"]
    return put("tokenizer.model", model_file(pieces))(files)


def swap(name: str, one: str, other: str) -> Edit:
    def change(vocab: Any) -> None:
        vocab[one], vocab[other] = vocab[other], vocab[one]

    return within(name, change)


TOOL = {"id": 990, "content": "<|tool|>", **flags()}


def _set(*path: str, value: Any) -> Edit:
    """Set a value deep within tokenizer.json."""

    def change(held: Any) -> None:
        for key in path[:-1]:
            held = held[key]
        held[path[-1]] = value

    return within(JSON, change)


PAIRS: tuple[TokenizerPair, ...] = (
    # The class rebuilds what tokenizer.json says, or no longer does.
    TokenizerPair(
        "class rebuilds the normalizer",
        gemma,
        keys(TOK, tokenizer_class="TokenizersBackend"),
        MAJOR,
        first=_set("normalizer", value=None),
    ),
    TokenizerPair(
        "class rebuilds the pre-tokenizer",
        llama,
        keys(TOK, tokenizer_class="TokenizersBackend"),
        MAJOR,
        first=_set("pre_tokenizer", value={"type": "Whitespace"}),
    ),
    TokenizerPair("class rebuilds only rare text", word_pieces, keys(TOK, tokenizer_class="BertTokenizer"), MAJOR),
    TokenizerPair(
        "generic class for what the class builds",
        gemma,
        keys(TOK, tokenizer_class="TokenizersBackend", padding_side="left"),
        MAJOR,  # 4.57 does not know TokenizersBackend
    ),
    TokenizerPair("class with its legacy name", gemma, keys(TOK, tokenizer_class="GemmaTokenizerFast"), PATCH),
    TokenizerPair(
        "generic class with its legacy name", byte_level, keys(TOK, tokenizer_class="PreTrainedTokenizerFast"), PATCH
    ),
    TokenizerPair("class that adds a token", byte_level, keys(TOK, tokenizer_class="GPT2Tokenizer"), MAJOR),
    TokenizerPair("class missing, generic", byte_level, keys(TOK, tokenizer_class=...), PATCH),
    TokenizerPair(
        "class missing, special", gemma, keys(TOK, tokenizer_class=...), MAJOR, first=_set("normalizer", value=None)
    ),
    TokenizerPair("class that nobody has", byte_level, keys(TOK, tokenizer_class="NoSuchTokenizer"), PATCH),
    TokenizerPair("ignored normalizer in the file", gemma, _set("normalizer", value=None), MAJOR),
    # Two files about special tokens.
    TokenizerPair("special_tokens_map.json wins", byte_level, put(MAP, {"eos_token": "<pad>"}), MAJOR),
    TokenizerPair(
        "special_tokens_map.json changed",
        byte_level,
        put(MAP, {"eos_token": "<pad>"}),
        MAJOR,
        first=put(MAP, {"eos_token": "</s>"}),
    ),
    TokenizerPair(
        "special_tokens_map.json repeats", byte_level, put(MAP, {"eos_token": "</s>", "bos_token": "<s>"}), PATCH
    ),
    TokenizerPair(
        "special_tokens_map.json is ignored", byte_level, put(MAP, {"eos_token": "<pad>"}), PATCH, first=with_decoder
    ),
    TokenizerPair(
        "tokenizer_config.json loses",
        byte_level,
        keys(TOK, eos_token="<pad>"),
        PATCH,
        first=put(MAP, {"eos_token": "</s>"}),
    ),
    TokenizerPair(
        "tokenizer_config.json wins with its table",
        byte_level,
        keys(TOK, eos_token="<pad>"),
        MAJOR,
        first=both(with_decoder, put(MAP, {"eos_token": "</s>"})),
    ),
    TokenizerPair(
        "special_tokens_map.json gone, decisive", byte_level, drop(MAP), MAJOR, first=put(MAP, {"eos_token": "<pad>"})
    ),
    TokenizerPair(
        "special_tokens_map.json gone, redundant", byte_level, drop(MAP), PATCH, first=put(MAP, {"eos_token": "</s>"})
    ),
    TokenizerPair("eos changed in tokenizer_config.json", byte_level, keys(TOK, eos_token="<pad>"), MAJOR),
    TokenizerPair(
        "eos as an object",
        byte_level,
        keys(TOK, eos_token={"content": "</s>", **flags(), "__type": "AddedToken"}),
        PATCH,
    ),
    TokenizerPair(
        "default token spelled out",
        word_pieces,
        keys(TOK, mask_token="[MASK]"),
        PATCH,
        first=keys(TOK, tokenizer_class="BertTokenizer", mask_token=...),
    ),
    TokenizerPair(
        "special tokens under the older key",
        byte_level,
        keys(TOK, extra_special_tokens=..., additional_special_tokens=["<|im_start|>", "<|im_end|>"]),
        PATCH,
    ),
    TokenizerPair(
        "special token no longer special", byte_level, keys(TOK, extra_special_tokens=["<|im_start|>"]), MAJOR
    ),
    TokenizerPair("named special token added", byte_level, keys(TOK, image_token="<|im_start|>"), MAJOR),
    # Flags and defaults.
    TokenizerPair(
        "legacy flag without effect",
        llama,
        keys(TOK, legacy=True),
        PATCH,
        first=keys(TOK, legacy=False, tokenizer_class="TokenizersBackend"),
    ),
    TokenizerPair("legacy flag", llama, keys(TOK, legacy=True), MAJOR),
    TokenizerPair("prefix space, read by the class", llama, keys(TOK, add_prefix_space=False), MAJOR),
    TokenizerPair("prefix space, not read by the class", byte_level, keys(TOK, add_prefix_space=True), PATCH),
    TokenizerPair("prefix space, default spelled out", llama, keys(TOK, add_prefix_space=True), PATCH),
    TokenizerPair(
        "lower case, read by the class",
        word_pieces,
        keys(TOK, do_lower_case=False),
        MAJOR,
        first=keys(TOK, tokenizer_class="BertTokenizer", do_lower_case=True),
    ),
    TokenizerPair("bos flag that is not read", byte_level, keys(TOK, add_bos_token=True), PATCH),
    TokenizerPair("clean-up switched on", byte_level, keys(TOK, clean_up_tokenization_spaces=True), MAJOR),
    TokenizerPair("clean-up spelled out", byte_level, keys(TOK, clean_up_tokenization_spaces=False), PATCH),
    TokenizerPair("padding side", byte_level, keys(TOK, padding_side="left"), MAJOR),
    TokenizerPair("padding side spelled out", gemma, keys(TOK, padding_side="left"), PATCH),
    TokenizerPair("truncation side", byte_level, keys(TOK, truncation_side="left"), MAJOR),
    TokenizerPair("special tokens split", byte_level, keys(TOK, split_special_tokens=True), MAJOR),
    TokenizerPair("longest input lowered", byte_level, keys(TOK, model_max_length=512), MAJOR),
    TokenizerPair("no longest input, spelled differently", byte_level, keys(TOK, model_max_length=...), PATCH),
    TokenizerPair(
        "padding stored",
        byte_level,
        _set(
            "padding",
            value={
                "strategy": "BatchLongest",
                "direction": "Left",
                "pad_to_multiple_of": None,
                "pad_id": 2,
                "pad_type_id": 0,
                "pad_token": "<pad>",
            },
        ),
        MAJOR,
    ),
    TokenizerPair(
        "truncation stored",
        byte_level,
        _set("truncation", value={"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}),
        MAJOR,
    ),
    TokenizerPair("where it came from", byte_level, keys(TOK, name_or_path="acme/base", processor_class="X"), PATCH),
    # Added tokens.
    TokenizerPair("token appended", byte_level, within(JSON, lambda held: held["added_tokens"].append(TOOL)), MINOR),
    TokenizerPair(
        "token appended through the list",
        byte_level,
        keys(TOK, extra_special_tokens=["<|im_start|>", "<|im_end|>", "<|tool|>"]),
        MINOR,
    ),
    TokenizerPair("token appended in added_tokens.json", gpt2, put(ADDED, {"<|tool|>": 990}), MINOR),
    TokenizerPair(
        "token appended in the table",
        byte_level,
        lambda files: keys(TOK, added_tokens_decoder=decoder_rows(files) | {"439": {"content": "<|tool|>", **flags()}})(
            files
        ),
        MINOR,
        first=with_decoder,
    ),
    TokenizerPair("table that repeats tokenizer.json", byte_level, with_decoder, PATCH),
    TokenizerPair("table dropped", byte_level, keys(TOK, added_tokens_decoder=...), PATCH, first=with_decoder),
    TokenizerPair(
        "lstrip in tokenizer.json",
        byte_level,
        within(JSON, lambda held: held["added_tokens"][1].update(lstrip=True)),
        MAJOR,
    ),
    TokenizerPair(
        "normalized in tokenizer.json",
        byte_level,
        within(JSON, lambda held: held["added_tokens"][1].update(normalized=True)),
        MAJOR,
    ),
    TokenizerPair(
        "no longer special in tokenizer.json",
        byte_level,
        within(JSON, lambda held: held["added_tokens"][3].update(special=False)),
        MAJOR,
    ),
    TokenizerPair(
        "lstrip in the table",
        byte_level,
        within(TOK, lambda held: held["added_tokens_decoder"]["1"].update(lstrip=True)),
        MAJOR,
        first=with_decoder,
    ),
    TokenizerPair("lstrip in the map", gemma, put(MAP, {"mask_token": {"content": "<mask>", "lstrip": True}}), PATCH),
    # Formats from before tokenizer.json, and without a backend.
    # transformers 4.44 refuses a tokenizer.json with merges as pairs.
    TokenizerPair("vocab.json and merges.txt become tokenizer.json", gpt2, converted, MAJOR),
    TokenizerPair(
        "tokenizer.json beside vocab.json", gpt2, lambda files: {**files, JSON: converted(files)[JSON]}, MAJOR
    ),
    TokenizerPair("merge order in merges.txt", gpt2, put("merges.txt", b"#version: 0.2\nth e\nt h\n"), MAJOR),
    TokenizerPair("comment in merges.txt", gpt2, put("merges.txt", b"#version: 0.3\nt h\nth e\n"), PATCH),
    TokenizerPair("ids in vocab.json", gpt2, swap("vocab.json", "a", "b"), MAJOR),
    TokenizerPair("tokenizer.model becomes tokenizer.json", sentencepiece, beside_model, MAJOR),
    TokenizerPair("pieces moved in tokenizer.model", sentencepiece, moved_piece, MAJOR),
    TokenizerPair("piece appended to tokenizer.model", sentencepiece, appended_piece, MINOR, needs="sentencepiece"),
    TokenizerPair("prefix space beside tokenizer.model", sentencepiece, keys(TOK, add_prefix_space=False), MAJOR),
    TokenizerPair("no backend: ids", speech, swap("vocab.json", "a", "b"), MAJOR),
    TokenizerPair(
        "no backend: token appended", speech, within("vocab.json", lambda held: held.update({"ä": 31})), MINOR
    ),
    TokenizerPair("no backend: lower case", speech, keys(TOK, do_lower_case=True), MAJOR),
    TokenizerPair("no backend: default spelled out", speech, keys(TOK, replace_word_delimiter_char=" "), PATCH),
    TokenizerPair("no backend: delimiter", speech, keys(TOK, word_delimiter_token="a"), MAJOR),
    TokenizerPair("no vocabulary at all: pad", utf8, keys(TOK, pad_token="</s>"), MAJOR),
    TokenizerPair(
        "scores", unigram, within(JSON, lambda held: held["model"]["vocab"].__setitem__(9, ["e", -0.5])), MAJOR
    ),
    TokenizerPair(
        "key order", unigram, within(JSON, lambda held: held.update(dict(reversed(list(held.items()))))), PATCH
    ),
    # Where versions of transformers might disagree; in the first they do
    # (5.3 builds a Llama's pre-tokenizer for it, later versions keep that of the file).
    TokenizerPair(
        "Llama's class on a byte-level file",
        byte_level,
        keys(TOK, tokenizer_class="LlamaTokenizer"),
        PATCH,
        oldest=MAJOR,
    ),
    TokenizerPair(
        "truncation stored, class rebuilds",
        gemma,
        _set("truncation", value={"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}),
        MAJOR,
    ),
    TokenizerPair("pre-tokenizer that the class ignores", gemma, _set("pre_tokenizer", value=None), PATCH),
    TokenizerPair(
        "post-processor that the class keeps",
        llama,
        _set(
            "post_processor",
            value={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        ),
        MAJOR,
    ),
    TokenizerPair(
        "accents",
        word_pieces,
        keys(TOK, strip_accents=True),
        MAJOR,
        first=keys(TOK, tokenizer_class="BertTokenizer", do_lower_case=False),
    ),
    TokenizerPair(
        "class of the model's type",
        gemma,
        keys(TOK, tokenizer_class=...),
        PATCH,
        first=put("config.json", {"model_type": "gemma", "vocab_size": ROWS}),
    ),
)
