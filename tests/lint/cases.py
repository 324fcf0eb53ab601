"""What is reported in Python code and what is not, each in a few lines."""

from __future__ import annotations

from dataclasses import dataclass

SHA = "0123456789abcdef0123456789abcdef01234567"
TRANSFORMERS = "from transformers import AutoModel, pipeline\n"
HUB = "from huggingface_hub import hf_hub_download, snapshot_download\n"
DATASETS = "from datasets import load_dataset\n"


@dataclass(frozen=True)
class Case:
    """A module and the diagnostics expected for it: rule, repo, and whether it can be fixed."""

    name: str
    code: str
    expected: tuple[tuple[str, str | None, bool], ...] = ()


def _case(name: str, code: str, *expected: tuple[str, str | None, bool]) -> Case:
    return Case(name, code.replace("SHA", SHA), expected)


def _unpinned(name: str) -> tuple[str, str, bool]:
    return "unpinned", name, True


def _moving(name: str) -> tuple[str, str, bool]:
    return "moving-revision", name, True


UNKNOWN_NAME = ("undecidable-name", None, False)

CASES = [
    # What is loaded
    _case("model", TRANSFORMERS + "AutoModel.from_pretrained('a/b')", _unpinned("a/b")),
    _case("one segment", TRANSFORMERS + "AutoModel.from_pretrained('gpt2')", _unpinned("gpt2")),
    _case("name as keyword", "M.from_pretrained(pretrained_model_name_or_path='a/b')", _unpinned("a/b")),
    _case("unsloth's keyword", "FastModel.from_pretrained(model_name='a/b', max_seq_length=8)", _unpinned("a/b")),
    _case("own class", "class Mine(Base): ...\nMine.from_pretrained('a/b')", _unpinned("a/b")),
    _case("inside a class", "class M:\n  def f(self):\n    return self.kind.from_pretrained('a/b')", _unpinned("a/b")),
    _case("file", HUB + "hf_hub_download('a/b', 'x')", _unpinned("a/b")),
    _case("file by keyword", HUB + "hf_hub_download(filename='x', repo_id='a/b')", _unpinned("a/b")),
    _case("snapshot of a dataset", HUB + "snapshot_download('a/b', repo_type='dataset')", _unpinned("a/b")),
    _case("method of the client", "api.snapshot_download('a/b')", _unpinned("a/b")),
    _case("unknown repo type", HUB + "snapshot_download('a/b', repo_type=kind)", ("unpinned", "a/b", False)),
    _case("dataset", DATASETS + "load_dataset('a/b', split='train')", _unpinned("a/b")),
    _case("dataset builder", "import datasets\ndatasets.load_dataset_builder('a/b')", _unpinned("a/b")),
    _case("pipeline", TRANSFORMERS + "pipeline('text-generation', 'a/b')", _unpinned("a/b")),
    _case("pipeline by keyword", TRANSFORMERS + "pipeline(task='x', model='a/b')", _unpinned("a/b")),
    _case("pipeline's default", TRANSFORMERS + "pipeline('x')", ("unpinned", None, False)),
    _case("sentences", "import sentence_transformers as s\ns.SentenceTransformer('a/b')", _unpinned("a/b")),
    _case("reranker", "from sentence_transformers import CrossEncoder\nCrossEncoder('a/b')", _unpinned("a/b")),
    _case("adapter", "from peft import PeftModel\nPeftModel.from_pretrained(base, 'a/b')", _unpinned("a/b")),
    _case("adapter by keyword", "PeftModelForCausalLM.from_pretrained(base, model_id='a/b')", _unpinned("a/b")),
    _case("vllm", "from vllm import LLM\nLLM(model='a/b')", _unpinned("a/b")),
    _case("vllm's arguments", "from vllm.engine.arg_utils import EngineArgs\nEngineArgs('a/b')", _unpinned("a/b")),
    _case("partial", "from functools import partial\npartial(M.from_pretrained, 'a/b')", _unpinned("a/b")),
    _case("decorator", "@f(M.from_pretrained('a/b'))\ndef g(): ...", _unpinned("a/b")),
    _case("default of a parameter", "def f(m=M.from_pretrained('a/b')): ...", _unpinned("a/b")),
    _case("two on a line", "M.from_pretrained('a/b'); M.from_pretrained('a/c')", _unpinned("a/b"), _unpinned("a/c")),
    _case("nested", "f(M.from_pretrained('a/b').to(g(M.from_pretrained('a/c'))))", _unpinned("a/b"), _unpinned("a/c")),
    # The revision
    _case("pinned", "M.from_pretrained('a/b', revision='SHA')"),
    _case("branch", "M.from_pretrained('a/b', revision='main')", _moving("a/b")),
    _case("tag", "M.from_pretrained('a/b', revision='v1.0')", _moving("a/b")),
    _case("short commit", "M.from_pretrained('a/b', revision='0123456')", _moving("a/b")),
    _case("39 digits", "M.from_pretrained('a/b', revision='SHA'[:-1])", ("undecidable-revision", "a/b", False)),
    _case("capital digits", f"M.from_pretrained('a/b', revision='{SHA.upper()}')", _moving("a/b")),
    _case("None", "M.from_pretrained('a/b', revision=None)", _unpinned("a/b")),
    _case("pull request", "M.from_pretrained('a/b', revision='refs/pr/1')", _moving("a/b")),
    _case("positional", DATASETS + f"load_dataset('a/b', {'None, ' * 11}'SHA')"),
    _case("positional branch", DATASETS + f"load_dataset('a/b', {'None, ' * 11}'main')", _moving("a/b")),
    _case("unknown revision", "M.from_pretrained('a/b', revision=args.rev)", ("undecidable-revision", "a/b", False)),
    _case("constant", "REV = 'SHA'\nM.from_pretrained('a/b', revision=REV)"),
    _case("constant with a type", "REV: Final = 'SHA'\nM.from_pretrained('a/b', revision=REV)"),
    _case("constant of a constant", "A = 'SHA'\nREV = A\nM.from_pretrained('a/b', revision=REV)"),
    _case("two constants", "N, REV = 'a/b', 'SHA'\nM.from_pretrained(N, revision=REV)"),
    _case("constant branch", "REV = 'main'\nM.from_pretrained('a/b', revision=REV)", _moving("a/b")),
    _case(
        "assigned twice",
        "REV = 'SHA'\nif x: REV = 'main'\nM.from_pretrained('a/b', revision=REV)",
        ("undecidable-revision", "a/b", False),
    ),
    _case(
        "changed by a function",
        "REV = 'SHA'\ndef f():\n  global REV\n  REV = g()\nM.from_pretrained('a/b', revision=REV)",
        ("undecidable-revision", "a/b", False),
    ),
    _case(
        "hidden by a parameter",
        "REV = 'SHA'\ndef f(REV): M.from_pretrained('a/b', revision=REV)",
        ("undecidable-revision", "a/b", False),
    ),
    _case(
        "own name in each function", "def f():\n  r = 'SHA'\n  M.from_pretrained('a/b', revision=r)\ndef g():\n  r = 1"
    ),
    _case(
        "changed by a method",
        "REV = 'SHA'\nclass A:\n  def f(self):\n    global REV\n    REV = g()\nM.from_pretrained('a/b', revision=REV)",
        ("undecidable-revision", "a/b", False),
    ),
    _case(
        "changed by a nested function",
        "REV = 'SHA'\ndef h():\n  def f():\n    global REV\n    REV = g()\nM.from_pretrained('a/b', revision=REV)",
        ("undecidable-revision", "a/b", False),
    ),
    _case(
        "changed by an inner function",
        "def f():\n  def g():\n    nonlocal r\n    r = x\n  r = 'SHA'\n  M.from_pretrained('a/b', revision=r)",
        ("undecidable-revision", "a/b", False),
    ),
    _case(
        "changed two functions further in",
        "def f():\n  r = 'SHA'\n  def g():\n    def h():\n      nonlocal r\n      r = x\n"
        "  M.from_pretrained('a/b', revision=r)",
        ("undecidable-revision", "a/b", False),
    ),
    # The name
    _case("assigned twice the same", "if x: N = 'a/b'\nelse: N = 'a/b'\nM.from_pretrained(N)", _unpinned("a/b")),
    _case("constant name", "N = 'a/b'\nM.from_pretrained(N)", _unpinned("a/b")),
    _case("formatted", "N = 'b'\nM.from_pretrained(f'a/{N}')", _unpinned("a/b")),
    _case("joined with plus", "N = 'a/'\nM.from_pretrained(N + 'b')", _unpinned("a/b")),
    _case("unknown name", "M.from_pretrained(name)", UNKNOWN_NAME),
    _case("partly unknown name", "M.from_pretrained(f'a/{name}')", UNKNOWN_NAME),
    _case("unknown name, pinned", "M.from_pretrained(name, revision='SHA')"),
    _case("unknown name, branch", "M.from_pretrained(name, revision='main')", ("moving-revision", None, False)),
    _case("name None", "M.from_pretrained(None, config=c)"),
    *(
        _case(f"name that refers to itself: {value}", f"n = {value}\nM.from_pretrained(n)", UNKNOWN_NAME)
        for value in ("n.strip('/')", "n + 'x'", "n.config", "f'{n}/x'", "str(n)", "n.config.load()")
    ),
    _case("names that refer to each other", "a = b.x\nb = a.x\nM.from_pretrained(a)", UNKNOWN_NAME),
    _case("joined with join", "M.from_pretrained('/'.join([a, b]))", UNKNOWN_NAME),
    _case("read from a file", "from pathlib import Path\nM.from_pretrained(Path('x').read_text())", UNKNOWN_NAME),
    _case(
        "base of a loaded adapter",
        "c = PeftConfig.from_pretrained('a/b', revision='SHA')\nM.from_pretrained(c.base_model_name_or_path)",
        UNKNOWN_NAME,
    ),
    # ** and *
    _case("unknown dictionary", "M.from_pretrained('a/b', **kw)", ("undecidable-arguments", "a/b", False)),
    _case("unknown dictionary, pinned", "M.from_pretrained('a/b', revision='SHA', **kw)"),
    _case("all in a dictionary", "M.from_pretrained(**kw)", ("undecidable-arguments", None, False)),
    _case("all in a list", "M.from_pretrained(*args)", ("undecidable-arguments", None, False)),
    _case("dictionary that pins", "KW = {'revision': 'SHA'}\nM.from_pretrained('a/b', **KW)"),
    _case("dict() that pins", "M.from_pretrained('a/b', **dict(revision='SHA'))"),
    _case("dictionary that does not", "KW = {'x': 1}\nM.from_pretrained('a/b', **KW)", _unpinned("a/b")),
    _case(
        "dictionary with a branch",
        "KW = {'revision': 'main'}\nM.from_pretrained('a/b', **KW)",
        ("moving-revision", "a/b", False),
    ),
    _case(
        "dictionary that is changed",
        "KW = {'revision': 'SHA'}\nKW['revision'] = x\nM.from_pretrained('a/b', **KW)",
        ("undecidable-arguments", "a/b", False),
    ),
    _case(
        "names in a dictionary are those around it",
        "R = 'main'\nKW = {'revision': R}\ndef f():\n  R = 'SHA'\n  M.from_pretrained('a/b', **KW)",
        ("moving-revision", "a/b", False),
    ),
    _case("to super", "class A(B):\n  def from_pretrained(self, n, **kw): return super().from_pretrained(n, **kw)"),
    # Imports
    _case("alias", "from transformers import AutoModel as M\nM.from_pretrained('a/b')", _unpinned("a/b")),
    _case("module alias", "import huggingface_hub as hub\nhub.hf_hub_download('a/b', 'x')", _unpinned("a/b")),
    _case("function alias", "from datasets import load_dataset as ld\nld('a/b')", _unpinned("a/b")),
    _case("assigned alias", DATASETS + "ld = load_dataset\nld('a/b')", _unpinned("a/b")),
    _case("bound method", TRANSFORMERS + "load = AutoModel.from_pretrained\nload('a/b')", _unpinned("a/b")),
    _case("star import", "from transformers import *\npipeline('x', 'a/b')", _unpinned("a/b")),
    _case("in a function", "def f():\n  from transformers import pipeline as p\n  p('x', 'a/b')", _unpinned("a/b")),
    _case(
        "one of two imports",
        "try:\n  from x import load_dataset\nexcept E:\n  from datasets import load_dataset\nload_dataset('a/b')",
        _unpinned("a/b"),
    ),
    _case("pipeline of another library", "from sklearn.pipeline import pipeline\npipeline('x')"),
    _case("own pipeline", "def pipeline(x): ...\npipeline('x')"),
    _case("unknown pipeline", "pipeline('x')"),
    _case("another hub", "from modelscope import snapshot_download\nsnapshot_download('a/b')"),
    _case("tensor", "import torch\ntorch.nn.Embedding.from_pretrained(weights)"),
    _case("json.load", "import json\njson.load(f)"),
    # Local paths
    _case("dot", "M.from_pretrained('./out')"),
    _case("dots", "M.from_pretrained('../out')"),
    _case("absolute", "M.from_pretrained('/models/x')"),
    _case("home", "M.from_pretrained('~/x')"),
    _case("three segments", "M.from_pretrained('out/run/checkpoint-5')"),
    _case("Windows", r"M.from_pretrained('C:\\x')"),
    _case("Path", "from pathlib import Path\nOUT = Path('out')\nM.from_pretrained(OUT / 'x')"),
    _case("str of Path", "from pathlib import Path\nM.from_pretrained(str(Path('out')))"),
    _case("join", "import os\nM.from_pretrained(os.path.join(a, 'x'))"),
    _case("temporary folder", "import tempfile\nwith tempfile.TemporaryDirectory() as d: M.from_pretrained(d)"),
    _case(
        "two temporary folders",
        "from tempfile import TemporaryDirectory as T\nwith T() as d: ...\nwith T() as d: M.from_pretrained(f'{d}/x')",
    ),
    _case("formatted path", "M.from_pretrained(f'./{x}')"),
    _case("downloaded folder", HUB + "p = snapshot_download('a/b', revision='SHA')\nM.from_pretrained(p)"),
    _case("pulled folder", "import hfver\nM.from_pretrained(hfver.pull('a/b@1.0.0').path)"),
    _case("loaded object", TRANSFORMERS + "m = AutoModel.from_pretrained('./x').eval()\npipeline('x', model=m)"),
    _case("file format", DATASETS + "load_dataset('json', data_files='x.json')"),
    _case("local files only, unknown name", "M.from_pretrained(path, local_files_only=True)"),
    _case("local files only, named", "M.from_pretrained('a/b', local_files_only=True)", _unpinned("a/b")),
    # hfver's own calls
    _case("exact version", "import hfver\nhfver.load('a/b@1.2.0')"),
    _case("exact prerelease", "import hfver\nhfver.load('a/b@v1.2.0-rc.1')"),
    _case("commit", "from hfver import pull\npull('a/b@SHA')"),
    _case("range", "import hfver\nhfver.load('a/b@^1.2')", ("moving-revision", "a/b", False)),
    _case("stage", "import hfver\nhfver.load('a/b@production')", ("moving-revision", "a/b", False)),
    _case("latest", "import hfver as h\nh.pull('a/b')", ("unpinned", "a/b", False)),
    _case("unknown reference", "import hfver\nhfver.load(ref)", UNKNOWN_NAME),
    # hf://
    _case("uri", "x = 'hf://datasets/a/b/x.parquet'", ("unpinned", "a/b", False)),
    _case("uri at a branch", "x = 'hf://a/b@main/x'", ("moving-revision", "a/b", False)),
    _case("uri at a pull request", "x = 'hf://a/b@refs/pr/3/x'", ("moving-revision", "a/b", False)),
    _case("uri at a commit", "x = 'hf://a/b@SHA/x'"),
    _case("uri as KServe writes it", "x = 'hf://a/b:SHA'"),
    _case("formatted uri", "R = 'SHA'\nx = f'hf://a/b@{R}/{y}'"),
    _case("uri with unknown name", "x = f'hf://datasets/{y}/x'", UNKNOWN_NAME),
    _case("uri with unknown revision", "x = f'hf://a/b@{y}/x'", ("undecidable-revision", "a/b", False)),
    _case("prefix alone", "x.startswith('hf://')"),
    _case("prefix of a kind", "x = 'hf://datasets/' + y"),
    _case("namespace called datasets-x", "x = 'hf://datasets-x/b'", ("unpinned", "datasets-x/b", False)),
    _case("uri to be formatted", "x = 'hf://datasets/{}/x'.format(y)", UNKNOWN_NAME),
    _case("two uris", "x = 'hf://b/b hf://a/a'", ("unpinned", "b/b", False), ("unpinned", "a/a", False)),
    _case("bucket", "x = 'hf://buckets/a/b/x'"),
    _case("documentation", "'''Reads hf://a/b.'''\ndef f():\n  '''hf://a/b'''\nclass C:\n  '''hf://a/b'''"),
    _case(
        "in a dataset's files",
        DATASETS + "load_dataset('csv', data_files='hf://datasets/a/b/x.csv')",
        ("unpinned", "a/b", False),
    ),
    # Exempt lines
    _case("exempt", "M.from_pretrained('a/b')  # hfver: ignore"),
    _case("exempt with a reason", "M.from_pretrained('a/b')  # hfver: ignore, it is a test"),
    _case("exempt at the end of a call", "M.from_pretrained(\n  'a/b',\n)  # hfver: ignore"),
    _case("another line exempt", "x = 1  # hfver: ignore\nM.from_pretrained('a/b')", _unpinned("a/b")),
    _case("comment", "# M.from_pretrained('a/b')"),
]
