"""The one door to a Hub: huggingface_hub's session and upload code, with our values and errors around them."""

from hfver.hub.client import Hub, Refs, TreeFile
from hfver.hub.commits import Delete, Operation, Put, PutLfs
from hfver.hub.session import Stale, Taken

__all__ = ["Delete", "Hub", "Operation", "Put", "PutLfs", "Refs", "Stale", "Taken", "TreeFile"]
