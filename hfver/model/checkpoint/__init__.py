"""Reading, recognising and hashing checkpoint folders."""

from hfver.model.checkpoint.checkpoint import BaseHint, Checkpoint, LeftOut, Tensor
from hfver.model.checkpoint.convert import convert_pickles
from hfver.model.checkpoint.hash import hash_files
from hfver.model.checkpoint.hash_cache import HashCache
from hfver.model.checkpoint.read import check_unchanged, read_checkpoint, tensor_name
from hfver.model.checkpoint.remote_code import refuse_code
from hfver.model.checkpoint.tensors_json import decode_tensors, encode_tensors

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
