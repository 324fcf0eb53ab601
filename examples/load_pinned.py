"""Load a model by version range, with every file verified before the model is built.

``^1.0`` takes the newest 1.x version that is not yanked. The result says which release that was. Where a run must be
repeatable, name that exact version or its commit instead of a range.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory

from scaffold import hub_option, teach, tiny_model

import hfver


def main() -> None:
    with hub_option(__doc__) as hub:
        release_some(hub)
        loaded = hfver.load("demo/pinned@^1.0", hub=hub, smoke=True)
        again = hfver.load(f"demo/pinned@{loaded.release.commit}", hub=hub)
    assert loaded.release.commit == again.release.commit  # noqa: S101
    print(f"demo/pinned@^1.0 is {loaded.release.version}, commit {loaded.release.commit}")
    print(f"Smoke eval on {loaded.report.device}: {loaded.report.status}" if loaded.report else "No smoke eval")
    ids = loaded.tokenizer("A version", return_tensors="pt").to(loaded.model.device)
    print("It writes:", repr(loaded.tokenizer.decode(loaded.model.generate(**ids, max_new_tokens=22)[0])))


def release_some(hub: str) -> None:
    """Release 1.0.0, 1.1.0 and 2.0.0 of a tiny model, each trained longer than the one before."""
    model, tokenizer = tiny_model()
    for version, steps in (("1.0.0", 10), ("1.1.0", 90), ("2.0.0", 1)):
        with TemporaryDirectory() as folder:
            teach(model, tokenizer, steps)
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            hfver.release(folder, "demo/pinned", version=version, hub=hub)


if __name__ == "__main__":
    main()
