"""Work on untrusted files in a child process with limited time and memory."""

from hfver.model.child.process import Child, ChildStopped, JobRaised, Limits

__all__ = ["Child", "ChildStopped", "JobRaised", "Limits"]
