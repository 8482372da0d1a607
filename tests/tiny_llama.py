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


def build_judge(path: Path, *, verdict: str, other: str, odds: float = 2.0) -> Path:
    """A model that says one of two things whatever it is asked, sampled by `odds` to 1; greedily always the first.

    Its layers add nothing, so that the next token hangs on the last one alone: two whole answers are tokens of their
    own, and each is followed by the end of the turn. It serves prompts of any kind within milliseconds.
    """
    import math

    import torch
    from tokenizers import AddedToken
    from transformers import AutoTokenizer, LlamaForCausalLM

    build(path, hidden=128, layers=1)
    tokens, model = AutoTokenizer.from_pretrained(path), LlamaForCausalLM.from_pretrained(path)
    tokens.add_tokens([AddedToken(text, special=False, normalized=False) for text in (verdict, other)])
    tokens.model_max_length = 65_536
    model.resize_token_embeddings(len(tokens), mean_resizing=False)
    config = model.config
    config.tie_word_embeddings, config.max_position_embeddings = False, 65_536
    model = LlamaForCausalLM(config)
    ids = {name: tokens.convert_tokens_to_ids(text) for name, text in (("verdict", verdict), ("other", other))}
    (newline,) = tokens.encode("\n", add_special_tokens=False)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        seen, said = model.model.embed_tokens.weight, model.lm_head.weight
        seen.zero_()
        said.zero_()
        # one direction for the end of the prompt, another for everything else; a norm makes each as long as √128
        seen[:, 1] = 1.0
        seen[newline] = torch.nn.functional.one_hot(torch.tensor(0), seen.shape[1]).float()
        scale = 1 / math.sqrt(seen.shape[1])
        said[:, 0] = said[:, 1] = -100.0 * scale
        said[ids["verdict"], 0] = math.log(odds) * scale
        said[ids["other"], 0] = 0.0
        said[tokens.eos_token_id, 1] = 100.0 * scale
    model.generation_config.eos_token_id = tokens.eos_token_id
    model.generation_config.pad_token_id = tokens.pad_token_id
    model.generation_config.do_sample = True  # servers sample only where the model says so
    tokens.save_pretrained(path)
    model.save_pretrained(path)
    return path
