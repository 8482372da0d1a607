"""A tiny Llama with a tokenizer of its own, made on the spot: some 100,000 parameters, built within a second."""

from __future__ import annotations

from pathlib import Path

CHAT_TEMPLATE = (
    "{%- for m in messages -%}{{- '<|im_start|>' + m['role'] + '\n' -}}"
    "{%- if m['role'] == 'assistant' -%}{%- generation -%}{{- m['content'] + '<|im_end|>' -}}{%- endgeneration -%}"
    "{{- '\n' -}}{%- else -%}{{- m['content'] + '<|im_end|>\n' -}}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"
)
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "black", "white")
THINGS = ("apple", "river", "stone", "lamp", "train", "cloud", "garden", "book")


def question(colour: str, thing: str) -> str:
    """What is asked."""
    return f"Describe the {colour} {thing}."


def answer(colour: str, thing: str) -> str:
    """What should be said."""
    return f"The {thing} is {colour} and it is easy to see."


def texts() -> list[str]:
    """Everything that is asked and said."""
    pairs = [(colour, thing) for colour in COLOURS for thing in THINGS]
    return [text for pair in pairs for text in (question(*pair), answer(*pair))]


def build(path: Path, *, template: str = CHAT_TEMPLATE, seed: int = 0, hidden: int = 64, layers: int = 2) -> Path:
    """Write the model and its tokenizer; its words are those of `texts()`."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=512, special_tokens=marks, show_progress=False, initial_alphabet=alphabet)
    raw.train_from_iterator(texts(), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|pad|>", model_max_length=256
    )
    fast.chat_template = template
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(fast), hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True, initializer_range=0.1,
            bos_token_id=None, eos_token_id=fast.eos_token_id, pad_token_id=fast.pad_token_id,
        )
    )  # fmt: skip
    model.generation_config.eos_token_id = fast.eos_token_id
    model.generation_config.pad_token_id = fast.pad_token_id
    fast.save_pretrained(path)
    model.save_pretrained(path)
    return path
