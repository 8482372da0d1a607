"""A base model on this disk, read without loading it: what it is made of, whether it may be used, its hash."""

from __future__ import annotations

import re
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.llm.local_models import cached_models

PICKLED = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.joblib")
IDENTITY = (
    "config.json",
    "generation_config.json",
    "*.safetensors",
    "tokenizer*",
    "*.jinja",
    "special_tokens_map.json",
)
LARGEST_HEADER = 100_000_000
_OUTPUT_LAYERS = re.compile(r"(^|\.)(lm_head|embed_out|output|score)$")
_SIZES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


class BaseModel(msgspec.Struct, frozen=True, kw_only=True):
    """A base: its tensors by name with their shapes, its configuration, and where its chat template stands."""

    name: str
    path: Path
    config: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]
    bytes: int
    hash: str
    chat_template: str

    @property
    def parameters(self) -> int:
        """Numbers in all its tensors."""
        return sum(_product(shape) for shape in self.shapes.values())

    def size(self, name: str, default: int) -> int:
        """A number of the configuration (also of its text part, in models of several kinds)."""
        value = self.config.get(name) or (self.config.get("text_config") or {}).get(name)
        return int(value) if isinstance(value, int) else default

    @property
    def has_markers(self) -> bool:
        """Whether its chat template says which parts the assistant said."""
        return bool(re.search(r"\{%-?\s*generation\b", self.chat_template))

    def trainable(self, r: int, targets: tuple[str, ...]) -> int:
        """Numbers that LoRA of rank `r` adds: r × (in + out) for every linear layer meant (all but the output one)."""
        total = 0
        for name, shape in self.shapes.items():
            layer = name.removesuffix(".weight")
            if len(shape) != 2 or layer == name or "embed" in layer or _OUTPUT_LAYERS.search(layer):
                continue
            if not targets or layer.rpartition(".")[2] in targets:
                total += r * (shape[0] + shape[1])
        return total


def _product(shape: tuple[int, ...]) -> int:
    number = 1
    for side in shape:
        number *= side
    return number


def open_base(base: str) -> BaseModel:
    """Look at a base model: a folder, or a name in the Hugging Face cache. Nothing is downloaded or executed.

    Raises UsageError where it is not there, has no safetensors weights, or cannot be read.
    """
    if not base:
        raise UsageError("name the model to train: --base FOLDER, or a name in the Hugging Face cache")
    path = Path(base).expanduser()
    if not path.is_dir():
        known = {model.name: model.path for model in cached_models()}
        if base not in known:
            there = f"; in the cache are: {', '.join(sorted(known)[:10])}" if known else ""
            raise UsageError(
                f"{base}: no such folder, and no such model in the Hugging Face cache{there}; fetch it with:"
                f" hf download {base}"
            )
        path = known[base]
    path = path.resolve()
    config = _config(path)
    weights = sorted(path.glob("*.safetensors"))
    if not weights:
        pickles = [file.name for pattern in PICKLED for file in path.glob(pattern)]
        what = f"only pickled weights ({pickles[0]}), which can run code when loaded" if pickles else "no weights"
        raise UsageError(f"{path}: has {what}; use a model with safetensors weights, or convert it first")
    shapes: dict[str, tuple[int, ...]] = {}
    size = 0
    for file in weights:
        found, stored = tensors_of(file)
        shapes |= found
        size += stored
    if "auto_map" in config and not str(config.get("model_type", "")):
        raise UsageError(f"{path}: needs code of its own (auto_map in config.json), which is never run here")
    return BaseModel(
        name=base, path=path, config=config, shapes=shapes, bytes=size, hash=hash_files(identity_files(path), path),
        chat_template=_chat_template(path),
    )  # fmt: skip


def _config(path: Path) -> dict[str, Any]:
    file = path / "config.json"
    try:
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except OSError:
        raise UsageError(f"{path}: is no model (it has no config.json); name the folder that holds one") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{file}: is not a configuration ({error})") from None
    return found


def tensors_of(file: Path) -> tuple[dict[str, tuple[int, ...]], int]:
    """The shapes in a safetensors file, from its header alone, and the bytes of its numbers.

    Raises UsageError where it is none.
    """
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > LARGEST_HEADER:
                raise ValueError(f"a header of {length:,} bytes")
            header = msgspec.json.decode(stream.read(length), type=dict[str, dict[str, Any]])
        header.pop("__metadata__", None)
        shapes = {name: tuple(int(side) for side in about["shape"]) for name, about in header.items()}
        size = sum(_product(shapes[name]) * _SIZES.get(str(about["dtype"]), 1) for name, about in header.items())
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise UsageError(f"{file}: is no safetensors file ({error}); fetch the model again") from None
    return shapes, size


def _chat_template(path: Path) -> str:
    file = path / "chat_template.jinja"
    try:
        if file.is_file():
            return file.read_text("utf-8")
        about = msgspec.json.decode((path / "tokenizer_config.json").read_bytes(), type=dict[str, Any])
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
        return ""
    template = about.get("chat_template")
    return template if isinstance(template, str) else ""


def identity_files(path: Path) -> list[Path]:
    """The files that make a model what it is."""
    found = {file for pattern in IDENTITY for file in path.glob(pattern) if file.is_file()}
    return sorted(found)


def file_hash(file: Path) -> str:
    """SHA-256 of a file."""
    digest = sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hash_files(files: list[Path], root: Path) -> str:
    """SHA-256 over lines `HASH  NAME`, sorted by name: what `sha256sum FILES | sha256sum` would say."""
    lines = [f"{file_hash(file)}  {file.relative_to(root).as_posix()}\n" for file in files]
    return sha256("".join(sorted(lines, key=lambda line: line[66:])).encode()).hexdigest()


def hash_folder(folder: Path) -> str:
    """The hash of an adapter: over the hashes of all its files."""
    return hash_files([file for file in folder.rglob("*") if file.is_file()], folder)
