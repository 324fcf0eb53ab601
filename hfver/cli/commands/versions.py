"""``hfver versions``."""

from __future__ import annotations

from hfver.cli.options import HubOption, JsonOption, MirrorOption, RepoArgument

__all__ = ["EXAMPLE", "versions"]

EXAMPLE = "hfver versions acme/support-bot"


def versions(
    repo: RepoArgument,
    hub: HubOption = None,
    mirror_of: MirrorOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the releases of a repo, newest first."""
    import hfver
    from hfver.cli.rendering.basics import put, say
    from hfver.cli.rendering.releases import print_versions

    listed = hfver.versions(repo, hub=hub, mirror_of=mirror_of)
    put(listed, as_json, print_versions)
    if listed.pending and not as_json:
        say(f"Make releases of tags that hfver did not make: hfver adopt {repo}")
