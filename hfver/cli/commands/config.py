"""``hfver config``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, PolicyOption

__all__ = ["EXAMPLE", "config"]

EXAMPLE = "hfver config --json"


def config(
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of a settings file.")] = False,
    hub: HubOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print every setting that applies here, with its value and where that comes from."""
    import hfver
    from hfver.cli.rendering.basics import print_json, put
    from hfver.cli.rendering.settings import print_config

    if schema:
        from hfver.core.settings_schema import settings_schema

        print_json(settings_schema())
        return
    put(hfver.config(policy=policy, hub=hub), as_json, print_config)
