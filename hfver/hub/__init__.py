"""The only package that talks to a Hub: huggingface_hub's client, with hfver's values and errors around it."""

from hfver.hub.client import Hub, HubRepo
from hfver.hub.commits import AddFile, AddLfsFile, DeleteFile, Operation
from hfver.hub.listing import Refs, TreeFile
from hfver.hub.session import AlreadyExists, ParentMoved

__all__ = [
    "AddFile",
    "AddLfsFile",
    "AlreadyExists",
    "DeleteFile",
    "Hub",
    "HubRepo",
    "Operation",
    "ParentMoved",
    "Refs",
    "TreeFile",
]
