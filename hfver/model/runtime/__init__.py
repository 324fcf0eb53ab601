"""Opening a local folder with torch, at arm's length: no network, no pickles, no code from the folder."""

from hfver.model.runtime.device import describe_device, pick_device
from hfver.model.runtime.open import open_model
from hfver.model.runtime.opened import OpenModel

__all__ = ["OpenModel", "describe_device", "open_model", "pick_device"]
