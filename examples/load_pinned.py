"""Load a model by a version range, and have every file verified before it is built.

``^1.0`` takes the newest 1.x that is not yanked. What comes back says which release it is; put that exact version,
or its commit, where a run must be repeatable.
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
    """Release 1.0.0, 1.1.0 and 2.0.0 of a tiny model, each trained a little longer."""
    model, tokenizer = tiny_model()
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        with TemporaryDirectory() as folder:
            teach(model, tokenizer, steps=50)
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            hfver.release(folder, "demo/pinned", version=version, hub=hub)


if __name__ == "__main__":
    main()
