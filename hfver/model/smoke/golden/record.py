"""The golden: how a model behaved when it was released. Its values, and their form in two files.

``golden.json`` holds everything but long arrays of numbers, which are in ``golden.bin``, little-endian, one after the
other; the JSON says where. Both are read with limits, because anybody can write a golden.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hfver.core.digests import load_json
from hfver.core.repo_paths import GOLDEN, GOLDEN_NUMBERS
from hfver.errors import VerificationError

__all__ = [
    "ArrayPlace",
    "Encoded",
    "Forms",
    "Golden",
    "Input",
    "Noise",
    "Numbers",
    "Rendered",
    "TextRecord",
    "Words",
    "decode_golden",
    "encode_golden",
    "find_golden",
    "read_golden",
    "write_golden",
]

SCHEMA = 1
MAX_JSON = 8 * 1024 * 1024
"""Bytes of the JSON. That of real goldens has 100 to 300 kB."""
MAX_BIN = 32 * 1024 * 1024
"""Bytes of the numbers. Those of real goldens have 100 to 500 kB."""
MAX_ELEMENTS = 4_000_000
"""Numbers that a made input may have: more than a picture of 1024 by 1024 in three colors."""

DTYPES: Mapping[str, int] = {"uint16": 2, "uint32": 4, "int16": 2, "float32": 4}
"""The types of stored arrays, with the bytes of one number."""

Id = Annotated[int, Field(ge=0, lt=2**31)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Ids = Annotated[tuple[Id, ...], Field(max_length=512)]
ShortText = Annotated[str, Field(max_length=8192)]
Name = Annotated[str, Field(max_length=200)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Frozen(BaseModel):
    # Unknown keys are ignored, so that a later version can add some without a new schema.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Encoded(_Frozen):
    """The ids of a text: the first ones, and where there are more their number and a hash over all."""

    ids: Ids = ()
    count: int | None = None
    sha256: Annotated[str, Field(max_length=64)] | None = None


class TextRecord(_Frozen):
    """How one text is encoded, with and without special tokens, and decoded again."""

    text: ShortText
    plain: Encoded
    full: Encoded
    decoded: ShortText
    gives: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    """The inputs that the tokenizer returns: whether there is a mask, for example."""


class Words(_Frozen):
    """The first layer: what the tokenizer does."""

    texts: Annotated[tuple[TextRecord, ...], Field(max_length=128)]
    special: Annotated[Mapping[Name, int], Field(max_length=32)]
    all_special: Annotated[tuple[Id, ...], Field(max_length=512)] = ()
    added: Annotated[tuple[tuple[Id, ShortText], ...], Field(max_length=512)] = ()
    length: int
    max_length: int | None = None
    inputs: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    padding_side: Name | None = None


class Rendered(Encoded):
    """What a chat template makes of a conversation: a text and its ids, or that it refuses or cannot."""

    text: ShortText | None = None
    refused: Name | None = None
    broken: Name | None = None


class Forms(_Frozen):
    """The second layer: what is put around a model's input and output."""

    conversations: Annotated[tuple[dict[str, Any], ...], Field(max_length=32)] = ()
    """The conversations, as they were rendered."""
    rendered: Annotated[Mapping[Name, Rendered], Field(max_length=32)] = Field(default_factory=dict)
    made: Annotated[Mapping[Name, Any], Field(max_length=8)] = Field(default_factory=dict)
    """Sizes of the made picture and sound."""
    processed: Annotated[Mapping[Name, Mapping[Name, Any]], Field(max_length=8)] = Field(default_factory=dict)
    """What the processor makes of them: shapes, and means in a coarse grid."""
    labels: Annotated[Mapping[Name, Name], Field(max_length=2048)] | None = None
    """The config's ``id2label``."""
    generation: Annotated[Mapping[Name, Any], Field(max_length=256)] | None = None
    """What ``generate()`` does without arguments: the generation config where it differs from transformers' own."""

    @model_validator(mode="after")
    def _check_size(self) -> Forms:
        if len(json.dumps([self.conversations, dict(self.made)])) > 200_000:
            raise ValueError("the conversations are too large")
        return self


class Input(_Frozen):
    """One stored input of the model."""

    origin: Literal["fixed", "template", "prompts", "sweep", "made"]
    """A fixed text, a fixed conversation, the team's own prompt, ids from the whole vocabulary, or a made signal."""
    ids: Ids = ()
    decoder: Ids = ()
    """What a decoder is given, beside the encoder's input."""
    made: Annotated[Mapping[Name, tuple[int, ...]], Field(max_length=4)] = Field(default_factory=dict)
    """Made signals by the name of the argument, each with its shape."""
    start: Annotated[int, Field(ge=0, le=1000)] = 0
    """Which of the made signals it is."""
    text: ShortText | None = None
    """The text that the ids were made of; None where it is nobody's business."""

    @model_validator(mode="after")
    def _check_shapes(self) -> Input:
        for shape in self.made.values():
            if not 1 <= len(shape) <= 6 or min(shape) < 1 or math.prod(shape) > MAX_ELEMENTS:
                raise ValueError(f"a made input has the shape {list(shape)[:8]}")
        return self


class Noise(_Frozen):
    """The distance of a healthy run in another form: how much may differ without anything being wrong."""

    distance: Annotated[Number, Field(ge=0)]
    """The mean over all positions."""
    p99: Annotated[Number, Field(ge=0)]
    """The 99th percentile over all positions."""
    agreement: Annotated[Number, Field(ge=0, le=1)] | None = None
    """The share of positions whose most likely token is the same."""
    depths: Annotated[tuple[Number, ...], Field(max_length=256)] = ()
    """The relative distance of the hidden state at each depth."""


class ArrayPlace(_Frozen):
    """Where an array is in ``golden.bin``."""

    dtype: Literal["uint16", "uint32", "int16", "float32"]
    shape: Annotated[tuple[Annotated[int, Field(ge=0, le=MAX_BIN)], ...], Field(min_length=1, max_length=3)]
    offset: Annotated[int, Field(ge=0, le=MAX_BIN)]

    @property
    def nbytes(self) -> int:
        """The size in bytes."""
        return math.prod(self.shape) * DTYPES[self.dtype]


class NextToken(_Frozen):
    """A token that may follow a prompt, with its log-probability in nats."""

    id: Id
    token: Name
    logprob: Number


class Continuation(_Frozen):
    """A prompt as text, and what the model expects next: what tells from outside which release an endpoint serves."""

    prompt: ShortText
    next: Annotated[tuple[NextToken, ...], Field(max_length=64)]


class FirstOutput(_Frozen):
    """What the model writes after a prompt, greedily: for people, never for a verdict."""

    prompt: ShortText
    text: ShortText


class Numbers(_Frozen):
    """The third layer: what the model computes from stored inputs."""

    kind: Literal["causal", "seq2seq", "masked", "tokens", "vectors"]
    """Distributions over tokens (of three kinds of models), over few classes per token, or vectors."""
    inputs: Annotated[tuple[Input, ...], Field(max_length=256)]
    positions: Annotated[tuple[Count, ...], Field(max_length=256)] = ()
    """How many distributions each input gives."""
    vectors: Annotated[tuple[Annotated[tuple[Count, ...], Field(max_length=8)], ...], Field(max_length=256)] = ()
    """The lengths of the vectors that each input gives."""
    depths: Annotated[tuple[Name, ...], Field(max_length=256)] = ()
    """The names of the depths at which the hidden state was sketched, from the embedding to the last layer."""
    rows: int | None = None
    """Rows of the input embedding."""
    arrays: Annotated[Mapping[Name, ArrayPlace], Field(max_length=16)]
    noise: Annotated[Mapping[Name, Noise], Field(max_length=16)] = Field(default_factory=dict)
    """Distances of healthy runs, by what was different: ``kernel``, ``batch``, or a dtype."""
    mixture: bool = False
    """Whether it is a mixture of experts, in which single positions may differ much."""
    loss: Number | None = None
    """The mean loss over the stored inputs, in nats per token."""


class Golden(_Frozen):
    """How a model behaved when it was captured: words, forms and numbers."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    source: Literal["memory", "folder"]
    """Whether the model was captured as it was in memory, or loaded from its folder."""
    architecture: Name
    task: Name | None = None
    dtype: Name
    device: Name
    libraries: Annotated[Mapping[Name, Name], Field(max_length=16)] = Field(default_factory=dict)
    prompts: Literal["none", "ids", "text"] = "none"
    """What is stored of the team's own prompts."""
    words: Words | None = None
    forms: Forms = Forms()
    numbers: Numbers | None = None
    why_no_numbers: ShortText | None = None
    expected: Annotated[tuple[Continuation, ...], Field(max_length=64)] = ()
    outputs: Annotated[tuple[FirstOutput, ...], Field(max_length=16)] = ()
    bin_size: Annotated[int, Field(ge=0, le=MAX_BIN)] = 0
    bin_sha256: Annotated[str, Field(max_length=64)] = ""

    @model_validator(mode="after")
    def _check_arrays(self) -> Golden:
        for name, place in (self.numbers.arrays if self.numbers else {}).items():
            if place.offset + place.nbytes > self.bin_size:
                raise ValueError(f"the array {name} ends behind the end of {GOLDEN_NUMBERS}")
        return self


@dataclass(frozen=True)
class GoldenFiles:
    """A golden with the bytes of its arrays."""

    golden: Golden
    data: bytes = field(repr=False)

    def array(self, name: str) -> Any:
        """Return an array of the numbers; None if there is no such array."""
        import numpy as np

        place = self.golden.numbers.arrays.get(name) if self.golden.numbers else None
        if place is None:
            return None
        kind = np.dtype(place.dtype).newbyteorder("<")
        found = np.frombuffer(self.data, dtype=kind, count=math.prod(place.shape), offset=place.offset)
        return found.reshape(place.shape)

    @property
    def source(self) -> str:
        """Whether it was captured from memory or from a folder."""
        return self.golden.source

    def to_json(self) -> dict[str, Any]:
        """Return what ``hfver golden show --json`` prints: the golden, without its arrays."""
        return json.loads(encode_golden(self.golden))  # type: ignore[no-any-return]

    def encode(self) -> dict[str, bytes]:
        """Return both files by their paths in a release."""
        return {GOLDEN: encode_golden(self.golden), GOLDEN_NUMBERS: self.data}

    def save(self, directory: Path | str) -> Path:
        """Write both files into a folder, below ``.hfver/``, and return that folder."""
        return write_golden(self, Path(directory))


def encode_golden(golden: Golden) -> bytes:
    """Encode the JSON: sorted keys, no spaces, a final newline."""
    data = golden.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    data |= {"schema": SCHEMA, "source": golden.source}
    return (json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def decode_golden(text: bytes, data: bytes, where: str) -> GoldenFiles:
    """Decode and check a golden.

    Args:
        text: The bytes of ``golden.json``.
        data: The bytes of ``golden.bin``.
        where: Names the golden in error messages.

    Raises:
        VerificationError: It is malformed, too large, not of one piece, or of a newer version of hfver.
    """
    try:
        raw = load_json(text, limit=MAX_JSON)
        schema = raw.get("schema") if isinstance(raw, dict) else None
        if isinstance(schema, int) and schema > SCHEMA:
            raise VerificationError(
                f"The golden of {where} has schema {schema}; this version of hfver supports schemas up to {SCHEMA}.",
                "Upgrade hfver: pip install --upgrade hfver",
            )
        golden = Golden.model_validate(raw)
        if len(data) != golden.bin_size or hashlib.sha256(data).hexdigest() != golden.bin_sha256:
            raise ValueError(f"{GOLDEN_NUMBERS} does not belong to {GOLDEN}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        raise _invalid(where, f"{place or 'it'}: {first['msg'][:200]}") from None
    except ValueError as error:
        raise _invalid(where, str(error).splitlines()[0][:200]) from None
    return GoldenFiles(golden, data)


def _invalid(where: str, why: str) -> VerificationError:
    return VerificationError(f"The golden of {where} is invalid: {why}.", "Capture it again: hfver golden capture DIR")


def find_golden(directory: Path) -> GoldenFiles | None:
    """Read the golden of a folder; None if it has none.

    Raises:
        VerificationError: It is not a valid golden.
    """
    return read_golden(directory) if (directory / GOLDEN).is_file() else None


def read_golden(directory: Path) -> GoldenFiles:
    """Read the golden of a folder: from ``.hfver/``, or from the folder itself.

    Raises:
        VerificationError: There is none, or it is not a valid golden.
    """
    places = (directory / GOLDEN, directory / Path(GOLDEN).name)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise VerificationError(
            f"{directory} has no golden: there is no {GOLDEN}.", f"Make one: hfver golden capture DIR -o {directory}"
        )
    text = _bounded(path, MAX_JSON)
    return decode_golden(text, _bounded(path.with_name(Path(GOLDEN_NUMBERS).name), MAX_BIN), str(directory))


def write_golden(files: GoldenFiles, directory: Path) -> Path:
    """Write a golden into a folder, below ``.hfver/``, and return the folder."""
    for path, content in files.encode().items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return directory


def _bounded(path: Path, limit: int) -> bytes:
    try:
        if not path.exists():
            return b""
        if not path.is_file():
            raise _invalid(str(path), "it is not a regular file")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise VerificationError(f"{path} cannot be read: {error.strerror}.", "Check the folder.") from None
    if len(data) > limit:
        raise _invalid(str(path), f"it has more than {limit} bytes")
    return data
