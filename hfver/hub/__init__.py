"""The one door to a Hub: huggingface_hub's session and upload code, with our values and errors around them."""

from hfver.hub.client import Hub, HubRepo
from hfver.hub.commits import Delete, Operation, Put, PutLfs
from hfver.hub.listing import Refs, TreeFile
from hfver.hub.session import Stale, Taken

__all__ = ["Delete", "Hub", "HubRepo", "Operation", "Put", "PutLfs", "Refs", "Stale", "Taken", "TreeFile"]
