"""What proof costs: a verified load against a plain one, and hashing against model-signing.

``python -m benchmarks.loading --size 2GB --rounds 5``. All of it runs in one process, in turn, after a first round that
pays for imports and fills caches; the table shows medians. The model is real to transformers and random in content.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.peers import TOKEN, served
from benchmarks.synthetic import parse_size

ROOT = Path(__file__).parent.parent / ".bench"
REPO = "acme/model"


def main() -> None:
    """Release a model, then time every way to get at it again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__)
    parser.add_argument("--size", default="2GB", help="size of the weights (default: 2GB)")
    parser.add_argument("--rounds", type=int, default=5, help="the table shows medians (default: 5)")
    options = parser.parse_args()
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    os.environ.update(HF_HOME=str(ROOT / "home"), HFVER_CACHE=str(ROOT / "hfver"), HF_TOKEN=TOKEN)
    with served(ROOT / "hub") as url:
        os.environ["HF_ENDPOINT"] = url
        found = measure(make_model(ROOT / "checkpoint", parse_size(options.size)), options.rounds)
    show(found, f"{options.size}, medians of {options.rounds}, {os.cpu_count()} cores, {sys.platform}")
    shutil.rmtree(ROOT)


def make_model(folder: Path, size: int) -> Path:
    """Write a Llama in BF16 of about ``size`` bytes, sharded by 1 GB, with a tokenizer, as ``save_pretrained`` does."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers import initialization as init

    width, vocabulary = 2048, 32000
    layer = 4 * width * width + 3 * width * 4 * width + 2 * width
    layers = max(1, (size // 2 - 2 * vocabulary * width) // layer)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=16,
        num_key_value_heads=16,
        dtype="bfloat16",
    )
    cls: Any = LlamaForCausalLM
    with init.no_init_weights():
        model = cls._from_config(config)
    for value in model.parameters():
        value.data.normal_(std=0.02)
    model.save_pretrained(folder, max_shard_size="1GB")
    words = Tokenizer(models.BPE({chr(33 + i): i for i in range(90)}, []))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=words)  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(folder)
    return folder


def measure(folder: Path, rounds: int) -> dict[str, float]:
    """Time each way, in turn; returns medians in seconds."""
    import hfver

    release = hfver.release(folder, REPO, version="1.0.0", smoke="off")
    snapshot = hfver.pull(REPO).path
    ways: dict[str, Callable[[], Any]] = {
        "from_pretrained of the snapshot": lambda: plain_load(snapshot),
        "snapshot_download + from_pretrained": lambda: plain_load(download(release.commit)),
        "hfver.load, pinned to the commit": lambda: hfver.load(f"{REPO}@{release.commit}", device="cpu"),
        "hfver.load, by version": lambda: hfver.load(f"{REPO}@1.0.0", device="cpu"),
        "SHA-256 alone, a thread a core": lambda: floor(snapshot),
        "hfver verify --force": lambda: hfver.verify(f"{REPO}@1.0.0", force=True),
        "hfver verify": lambda: hfver.verify(f"{REPO}@1.0.0"),
        "model-signing verify": signed(snapshot, ROOT / "signed"),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        sys.stderr.write(f"round {number} of {rounds}\n")
        for name, way in ways.items():
            started = time.perf_counter()
            result = way()
            times[name].append(time.perf_counter() - started)
            del result
    return {name: median(found[1:]) for name, found in times.items()}


def plain_load(folder: Path) -> tuple[Any, Any]:
    """Load model and tokenizer as people do."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto"), AutoTokenizer.from_pretrained(folder)


def download(commit: str) -> Path:
    """Ask for a commit that is in the cache."""
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(REPO, revision=commit))


def floor(folder: Path) -> None:
    """Hash every file, as many at a time as there are cores."""

    def digest(path: Path) -> str:
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(digest, (path for path in folder.rglob("*") if path.is_file())))


def signed(snapshot: Path, folder: Path) -> Callable[[], object]:
    """Sign a copy with model-signing's own code; gives its verification (it refuses the cache's links)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from model_signing import signing, verifying

    shutil.copytree(snapshot, folder)
    key = ec.generate_private_key(ec.SECP256R1())
    private, public, bundle = ROOT / "key.pem", ROOT / "key.pub", ROOT / "model.sig"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    signer: Any = signing.Config()  # type: ignore[no-untyped-call]
    signer.use_elliptic_key_signer(private_key=private).sign(folder, bundle)
    checker: Any = verifying.Config()  # type: ignore[no-untyped-call]
    checker.use_elliptic_key_verifier(public_key=public)
    return lambda: checker.verify(folder, bundle)


def show(found: dict[str, float], title: str) -> None:
    """Print the table, and the differences that matter."""
    table = Table(title=title)
    table.add_column("")
    table.add_column("seconds", justify="right")
    for name, seconds in found.items():
        table.add_row(name, f"{seconds:.3f}")
    console = Console(width=120)
    console.print(table)
    plain = found["from_pretrained of the snapshot"]
    for name in ("hfver.load, pinned to the commit", "hfver.load, by version", "snapshot_download + from_pretrained"):
        console.print(f"{name}: {1000 * (found[name] - plain):+.0f} ms on top of from_pretrained")
    force, alone = found["hfver verify --force"], found["SHA-256 alone, a thread a core"]
    console.print(f"hfver verify --force takes {force / alone:.2f} of SHA-256 alone,", end=" ")
    console.print(f"1/{found['model-signing verify'] / force:.1f} of model-signing's verify")


if __name__ == "__main__":
    main()
