"""Opening a local folder with torch, at arm's length: no network, no pickles, no code from the folder."""

from hfver.runtime.device import describe_device, pick_device
from hfver.runtime.opened import OpenModel
from hfver.runtime.opening import open_model

__all__ = ["OpenModel", "describe_device", "open_model", "pick_device"]
