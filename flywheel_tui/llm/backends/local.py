"""A model in this process, by transformers: generation, and scores read from the probabilities of the next token.

torch and transformers are imported when the first request comes; the model must be a folder on this disk with
safetensors weights, and code that comes with a model is never run.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import MissingExtraError, UsageError
from flywheel_tui.llm.backends.local_scoring import YesNo, completion_log_probabilities, yes_no_probabilities
from flywheel_tui.llm.faults import BackendFault, Kind
from flywheel_tui.llm.protocol import Health, Message, Reply, Request
from flywheel_tui.llm.registry import backend
from flywheel_tui.llm.structured import with_schema_in_words

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings


class LocalBackend:
    """One model, one call at a time (`lock`); loading and computing happen in a thread of their own."""

    name = "local"
    place = "local"

    def __init__(self, path: Path, *, adapter: Path | None = None, device: str = "") -> None:
        self.path, self.adapter, self.device = path, adapter, device
        self.model = str(path) if adapter is None else f"{path}+{adapter.name}"
        self._loaded: tuple[Any, Any] | None = None
        self._lock = threading.Lock()

    async def complete(self, request: Request) -> Reply:
        """Generate an answer. Raises BackendFault; the form of the answer is asked for in words only."""
        stop = threading.Event()
        try:
            return await asyncio.wait_for(asyncio.to_thread(self._complete, request, stop), request.timeout)
        except TimeoutError:
            raise BackendFault("timeout", f"no answer within {request.timeout:g} s") from None
        finally:
            # The thread cannot be ended from outside: it looks at this after every token.
            stop.set()

    async def yes_no(self, prompts: Sequence[tuple[Message, ...]], *, batch: int = 16) -> list[YesNo]:
        """For each prompt the probability of yes against no, and how much probability the two hold together."""
        return await asyncio.to_thread(self._locked, yes_no_probabilities, prompts, batch)

    async def log_probabilities(
        self, items: Sequence[tuple[tuple[Message, ...], str]], *, batch: int = 16
    ) -> list[tuple[float, int]]:
        """For each prompt and answer the natural log-probability of the answer and its number of tokens."""
        return await asyncio.to_thread(self._locked, completion_log_probabilities, items, batch)

    def _locked(self, work: Any, items: Any, batch: int) -> Any:
        with self._lock:
            model, tokenizer = self._load()
            return work(model, tokenizer, items, batch)

    def _complete(self, request: Request, stop: threading.Event) -> Reply:
        with self._lock:
            model, tokenizer = self._load()
            return self._generate(model, tokenizer, request, stop)

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            self._loaded = load_model(self.path, self.adapter, self.device)
        return self._loaded

    def _generate(self, model: Any, tokenizer: Any, request: Request, stop: threading.Event) -> Reply:
        import torch

        started = time.perf_counter()
        messages = request.messages
        if request.schema is not None:
            messages = with_schema_in_words(messages, request.schema)
        inputs = tokenizer.apply_chat_template(
            [{"role": message.role, "content": message.content} for message in messages],
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
        ).to(model.device)
        prompt_tokens = int(inputs["input_ids"].shape[1])
        limit = getattr(model.config, "max_position_embeddings", None)
        if limit and prompt_tokens + request.max_tokens > limit:
            raise BackendFault(
                "ctx_truncated", f"the prompt has {prompt_tokens} tokens and the model's context {limit}"
            )
        if request.seed is not None:
            torch.manual_seed(request.seed)
        with torch.inference_mode():
            output = model.generate(
                **inputs, **_sampling(request), stopping_criteria=_stoppers(stop, request, tokenizer, prompt_tokens)
            )
        tokens = output[0, prompt_tokens:].tolist()
        ended = bool(tokens) and tokens[-1] in _end_ids(model, tokenizer)
        text = tokenizer.decode(tokens, skip_special_tokens=True)
        text, stopped = _until_stop(text, request.stop)
        if not text.strip():
            kind: Kind = "empty" if ended or stopped else "length"
            raise BackendFault(
                kind, "the model said nothing", retryable=False, tokens_in=prompt_tokens, tokens_out=len(tokens)
            )
        return Reply(
            text=text,
            finish_reason="stop" if ended or stopped else "length",
            tokens_in=prompt_tokens,
            tokens_out=len(tokens),
            model=self.model,
            backend=self.name,
            latency_ms=(time.perf_counter() - started) * 1000,
            parse_mode="text" if request.schema is None else "prompt",
            cost_micro=0,
        )

    async def check(self) -> Health:
        """Whether the folder holds a model that can be loaded; nothing is loaded."""
        from importlib.util import find_spec

        missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
        if missing:
            remedy = "pip install 'flywheel-tui[local]'"
            return Health(
                reachable=False, key="not needed", text=f"{', '.join(missing)} is not installed", remedy=remedy
            )
        return Health(reachable=True, key="not needed", models=(self.model,), text=f"loads {self.path} when needed")

    async def aclose(self) -> None:
        """Forget the model."""
        self._loaded = None


def load_model(path: Path, adapter: Path | None = None, device: str = "") -> tuple[Any, Any]:
    """Model and tokenizer of a folder, with an adapter's weights on top where one is given, ready to be asked.

    Raises UsageError where it cannot be loaded, MissingExtraError without transformers (or peft, for an adapter).
    """
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar
    except ImportError:
        raise MissingExtraError("the back end local", "transformers", "local") from None
    # A bar on standard error would be drawn across the screen.
    disable_progress_bar()
    try:
        options = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(path, padding_side="left", **options)
        model = AutoModelForCausalLM.from_pretrained(path, dtype="auto", use_safetensors=True, **options)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"the model in {path} cannot be loaded: {str(error)[:200]}") from None
    if adapter is not None:
        model = _with_adapter(model, adapter)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to(device or _best_device()).eval(), tokenizer


def _with_adapter(model: Any, adapter: Path) -> Any:
    try:
        from peft import PeftModel
    except ImportError:
        raise MissingExtraError("an adapter", "peft", "train") from None
    return PeftModel.from_pretrained(model, str(adapter), use_safetensors=True)


def _best_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _sampling(request: Request) -> dict[str, Any]:
    if request.temperature <= 0:
        return {"do_sample": False, "max_new_tokens": request.max_tokens}
    chosen = {"do_sample": True, "temperature": request.temperature, "max_new_tokens": request.max_tokens}
    return chosen if request.top_p is None else chosen | {"top_p": request.top_p}


def _stoppers(stop: threading.Event, request: Request, tokenizer: Any, prompt_tokens: int) -> Any:
    from transformers import StoppingCriteria, StoppingCriteriaList

    class Stopper(StoppingCriteria):  # type: ignore[misc,unused-ignore]
        def __call__(self, input_ids: Any, scores: Any, **options: Any) -> Any:
            import torch

            done = stop.is_set()
            if request.stop and not done:
                said = tokenizer.decode(input_ids[0, prompt_tokens:], skip_special_tokens=True)
                done = any(mark in said for mark in request.stop)
            return torch.full((input_ids.shape[0],), done, dtype=torch.bool, device=input_ids.device)

    return StoppingCriteriaList([Stopper()])


def _end_ids(model: Any, tokenizer: Any) -> set[int]:
    ids = model.generation_config.eos_token_id
    return {*(ids if isinstance(ids, list) else [ids]), tokenizer.eos_token_id}


def _until_stop(text: str, marks: tuple[str, ...]) -> tuple[str, bool]:
    places = [place for mark in marks if (place := text.find(mark)) >= 0]
    return (text[: min(places)], True) if places else (text, False)


def model_folder(name: str) -> Path:
    """The folder of a model: the path itself, or the newest snapshot of `owner/name` in the hub's cache.

    Raises UsageError where there is none or its weights are not safetensors.
    """
    from flywheel_tui.llm.local_models import cached_models, is_model_folder

    path = Path(name).expanduser()
    if path.is_dir():
        if not is_model_folder(path):
            raise UsageError(f"{path} holds no model (config.json and *.safetensors)")
        return path.resolve()
    for found in cached_models():
        if found.name == name:
            return found.path
    raise UsageError(f"no model {name!r} on this disk; give a folder, or load it into the Hugging Face cache first")


@backend("local")
def make(*, model: str, settings: Settings | None = None, adapter: str = "", device: str = "") -> LocalBackend:
    """The back end for a model on this disk."""
    if not model:
        raise UsageError("the back end local needs a model: a folder, or the name of one in the Hugging Face cache")
    if adapter and not (Path(adapter) / "adapter_model.safetensors").is_file():
        raise UsageError(f"{adapter} holds no adapter (adapter_model.safetensors)")
    return LocalBackend(model_folder(model), adapter=Path(adapter) if adapter else None, device=device)
