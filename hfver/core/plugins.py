"""Plug-ins of other packages: which version of a Protocol one was written for."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from hfver.errors import PluginError

__all__ = ["DECLARATION", "check_protocol"]

DECLARATION = "PROTOCOL_VERSION"
"""The attribute in which a plug-in may declare the version of the Protocol that it was written for."""


def check_protocol(member: object, point: EntryPoint, newest: int) -> int | None:
    """Return the version of a Protocol that a plug-in declares, or None if it declares none.

    Without this check a plug-in for a later hfver fails in the middle of a release, with an error that does not say
    that upgrading hfver is the remedy.

    Args:
        member: The object or module that the entry point names.
        point: Where it is registered.
        newest: The newest version of the Protocol that this hfver calls; it calls every older one too.

    Raises:
        PluginError: The plug-in declares a version that this hfver does not have, or something that is not a version.
    """
    declared = getattr(member, DECLARATION, None)
    if declared is None:
        return None
    package = point.dist.name if point.dist else "the package that it comes with"
    named = f"The plug-in {point.name!r} ({point.value}) of {point.group}"
    if isinstance(declared, bool) or not isinstance(declared, int) or declared < 1:
        raise PluginError(
            f"{named} declares {DECLARATION} = {declared!r}, which is not a version.",
            f"Update or uninstall {package}.",
        )
    if declared > newest:
        raise PluginError(
            f"{named} was written for version {declared} of its Protocol; this hfver has version {newest}.",
            f"Upgrade hfver (pip install --upgrade hfver), or install an older version of {package}.",
        )
    return declared
