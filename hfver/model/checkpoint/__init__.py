"""One checkpoint folder: what it is, what a release of it holds, and what its files hash to."""

from hfver.model.checkpoint.checkpoint import BaseHint, Checkpoint, Exclusion, Tensor
from hfver.model.checkpoint.convert import convert_pickles
from hfver.model.checkpoint.hash import hash_files
from hfver.model.checkpoint.hash_cache import HashCache
from hfver.model.checkpoint.portable import LOADED_FROM, from_cache_path, with_base
from hfver.model.checkpoint.read import check_unchanged, read_checkpoint
from hfver.model.checkpoint.remote_code import refuse_code
from hfver.model.checkpoint.tensors import tensor_name
from hfver.model.checkpoint.tensors_json import decode_tensors, encode_tensors, tensor_roots
from hfver.model.checkpoint.tokenizer_files import has_tokenizer, lacks_tokenizer

__all__ = [
    "LOADED_FROM",
    "BaseHint",
    "Checkpoint",
    "Exclusion",
    "HashCache",
    "Tensor",
    "check_unchanged",
    "convert_pickles",
    "decode_tensors",
    "encode_tensors",
    "from_cache_path",
    "has_tokenizer",
    "hash_files",
    "lacks_tokenizer",
    "read_checkpoint",
    "refuse_code",
    "tensor_name",
    "tensor_roots",
    "with_base",
]
