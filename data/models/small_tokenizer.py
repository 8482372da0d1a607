"""The tokenizer of the small model: bytes, and a token for each word that its prompts are made of.

There are no merges: a piece of text that is a known word as a whole is one token, everything else is bytes. So letters
of the made-up words and digits of numbers are single tokens, which is what tasks about letters and digits need.
"""

from __future__ import annotations

import re
from typing import Any

from flywheel_tui.tasks import load_skills
from flywheel_tui.tasks.skills.days import MONTHS

SPECIAL = ("<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>")
SIGNS = ('{"', '":"', '":', '","', ',"', '"}', " '", "'.", "'?", ' {"', " +", " -", ":", " [")
OTHER = (" up", " down", " first", " last", "Yes", "No", " yes", " no", " Yes", " No")
TEMPLATE = (
    "{%- for m in messages -%}{{- '<|' + m['role'] + '|>' -}}"
    "{%- if m['role'] == 'assistant' -%}{%- generation -%}{{- m['content'] + '<|end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- m['content'] + '<|end|>' -}}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
"""The answer and its end token stand inside the marks of `generation`: trainers that learn answers only need them."""


def words() -> list[str]:
    """The words of all wordings as they stand there, with the blank before them, and the months."""
    found = {f" {month}" for month in MONTHS} | set(SIGNS) | set(OTHER)
    for skill in load_skills().values():
        for wording in skill.wordings:
            found |= set(re.findall(r"(?:^| )[A-Za-z]{2,}(?![a-z}])", re.sub(r"{\w+}", "", wording)))
    return sorted(found)


def make_tokenizer() -> Any:
    """The tokenizer with its chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    bytes_first = sorted(pre_tokenizers.ByteLevel.alphabet())
    in_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    known = [in_bytes.pre_tokenize_str(word)[0][0] for word in words()]
    vocabulary = dict.fromkeys([*SPECIAL, *bytes_first, *known])
    numbered = {token: number for number, token in enumerate(vocabulary)}
    model = Tokenizer(models.BPE(vocab=numbered, merges=[], ignore_merges=True))
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    model.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=model,
        eos_token="<|end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|user|>", "<|assistant|>", "<|system|>"],
        model_max_length=512,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer
