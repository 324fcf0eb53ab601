"""Locking: from a project's requirements to exact commits and files in ``hfver.lock``, and to those files on disk."""
