"""Loading a local folder with torch, isolated: no network, no pickles, no code from the folder unless allowed."""

from hfver.model.runtime.device import describe_device, pick_device
from hfver.model.runtime.load import load_model
from hfver.model.runtime.loaded import LoadedModel
from hfver.model.runtime.tokenizer_child import ChildTokenizer, TokenizerChild

__all__ = ["ChildTokenizer", "LoadedModel", "TokenizerChild", "describe_device", "load_model", "pick_device"]
