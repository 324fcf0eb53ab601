"""Reading, recognising and hashing checkpoint folders."""

from hfver.checkpoint.cache import HashCache
from hfver.checkpoint.code_paths import refuse_code
from hfver.checkpoint.converting import convert_pickles
from hfver.checkpoint.hashing import hash_files
from hfver.checkpoint.reading import check_unchanged, read_checkpoint, tensor_name
from hfver.checkpoint.tensorlist import decode_tensors, encode_tensors
from hfver.checkpoint.values import BaseHint, Checkpoint, LeftOut, Tensor

__all__ = [
    "BaseHint",
    "Checkpoint",
    "HashCache",
    "LeftOut",
    "Tensor",
    "check_unchanged",
    "convert_pickles",
    "decode_tensors",
    "encode_tensors",
    "hash_files",
    "read_checkpoint",
    "refuse_code",
    "tensor_name",
]
