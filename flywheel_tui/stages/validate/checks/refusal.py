"""`refusal`: answers that refuse, that speak of being a model, or that carry the words of a prompt template."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.patterns import Hit, Pattern, PatternSet
from flywheel_tui.stages.validate.user_patterns import user_patterns

_BEGINNING = 400
_PART = re.compile(
    r"[\w-]*[-\w]|\s(?!(?:language|model|assistant|developed|trained|created|designed|built|chat ?bot|programme?|system"
    r"|i|we|you|it|and|but)\b)[a-z]"
)
_QUOTES = "\"'“”„‘’«»‹›`「『"

_MODEL = r"(?:a\.?i\.?|artificial intelligence|(?:large )?language model|chat ?bot|virtual assistant|llm)"
_VERBS = (
    r"(?:help (?:you )?(?:with|out|in)|assist(?: you)?|fulfil|comply|answer|respond|provide|engage|discuss|create"
    r"|generate|complete|support|participate|do (?:that|this)|continue|offer"
    r"|give (?:you )?(?:medical|legal|financial|advice))"
)
_CANNOT = (
    r"(?:can(?:no|['’]?)t|can not|am (?:unable|not able) to|['’]m (?:unable|not able) to|won['’]?t|will not"
    r"|(?:must|have to) decline to)"
)
_ROLE = "(?:human|assistant|user|ai)"

_SELF = (
    rf"\b(?:as|i am|i['’]m) (?:just |only |merely )?an? (?:large |helpful |responsible )?{_MODEL}\b",
    r"\b(?:as of|since) my (?:last|latest) (?:knowledge )?(?:update|training)",
    r"\bmy (?:knowledge|training) (?:cut-?off|data)\b",
    r"\bi (?:do not|don['’]t) have (?:access to (?:real-?time|current|the internet)|personal (?:experience|opinion))",
    r"\bals (?:eine? )?(?:ki\b|künstliche intelligenz|ki-|(?:großes )?sprachmodell)",
    r"\ben tant (?:que|qu['’]) ?(?:un |une )?(?:modèle de langage|ia\b|intelligence artificielle|assistant virtuel)",
    r"\bcomo (?:uma? |una? )?(?:modelo de (?:lenguaje|linguagem|idioma)|ia\b|intelig[eê]ncia artificial)",
    r"\b(?:come|in quanto) (?:un )?(?:modello linguistico|modello di linguaggio|ia\b|intelligenza artificiale)",
    r"\bals (?:een )?(?:ai-)?taalmodel|\bjako (?:duży )?(?:model językowy|sztuczna inteligencja)",
    r"как (?:большая )?(?:языковая модель|искусственный интеллект|модель искусственного)",
    r"作为(?:一个|一種|一种|一名)?(?:大型)?(?:人工智能|ai|语言模型)|作為(?:一個)?(?:人工智慧|ai|語言模型)",
    r"(?:ai|人工知能)(?:言語モデル)?として|言語モデルとして|(?:ai|인공지능) ?(?:언어 ?)?모델로서",
    r"(?:كنموذج|بصفتي نموذج) (?:لغوي|لغة)|(?:एआई|ai) (?:भाषा )?मॉडल के (?:रूप|तौर)",
)
_REFUSE = (
    r"\bi(?:['’]m| am)? ?(?:really |very |truly |so )?(?:sorry|afraid|apologi[sz]e)\b[^.!?\n]{0,40}?"
    rf"\b(?:i|we) {_CANNOT} {_VERBS}",
    rf"\bi {_CANNOT} {_VERBS}\b",
    r"\bi (?:cannot|can['’]t|can not) (?:create|write|produce|share) (?:that|this|such|content|explicit|harmful)",
    r"\b(?:das|dabei|damit|hierbei) kann ich (?:ihnen |dir )?(?:leider )?nicht (?:helfen|weiterhelfen|unterstützen)",
    r"\bich kann (?:ihnen |dir )?(?:leider )?(?:da(?:bei|mit) |bei dieser anfrage |diese (?:frage|anfrage) )?"
    r"(?:leider )?nicht (?:helfen|beantworten|erfüllen|weiterhelfen)",
    r"\bje ne (?:peux|suis) pas (?:en mesure de )?(?:vous |t['’])?(?:répondre|aider|fournir|satisfaire|donner)",
    r"\b(?:lo siento|disculpa|perdón)\b[^.!?\n]{0,30}\bno puedo (?:ayudar|responder|proporcionar|cumplir|hacer)",
    r"\bmi dispiace\b[^.!?\n]{0,30}\bnon posso (?:aiutar|rispondere|fornire|fare)",
    r"\b(?:desculpe|sinto muito|lamento)\b[^.!?\n]{0,30}\bnão posso (?:ajudar|responder|fornecer|fazer)",
    r"\bhet spijt me\b[^.!?\n]{0,30}\bik kan\b[^.!?\n]{0,30}\bniet (?:\w+ )?(?:helpen|beantwoorden)",
    r"(?:извините|к сожалению|простите)[^.!?\n]{0,30}не могу (?:помочь|ответить|выполнить|предоставить)",
    r"(?:抱歉|对不起|對不起)[，,]?\s?(?:但)?我?(?:无法|不能|無法)",
    r"申し訳(?:ありません|ございません)が[^。\n]{0,40}(?:できません|お答えできかね)",
    r"죄송(?:하지만|합니다)[^.\n]{0,40}(?:수 없습니다|드릴 수 없)|(?:عذرا|آسف)[^.\n]{0,20}لا (?:أستطيع|يمكنني)",
)
_LEAK = (
    r"#\s?(?:the )?(?:given|rewritten|created|new) (?:prompt|instruction)\s?#",
    r"(?m)^#{2,4} ?(?:instruction|response|input|human|assistant|system|user) ?:\s*$",
    r"<\|(?:im_start|im_end|endoftext|eot_id|start_header_id|end_header_id|begin_of_text|assistant|user|system|end)\|>",
    r"\[/?inst\]|<<?/?sys>>|<(?:start|end)_of_turn>",
    rf"(?m)^{_ROLE}: [^\n]*\n+{_ROLE}: ",
    r"\byou are (?:chatgpt|an ai assistant that)\b",
    r"\bi was (?:trained|created|developed) by (?:openai|anthropic|meta ai|mistral)",
)


class _Rule(NamedTuple):
    message: str
    only_at_the_beginning: bool


def _said(rule: _Rule) -> Callable[[Hit], _Rule | None]:
    def accept(hit: Hit) -> _Rule | None:
        # a phrase in quotes is spoken about, not said
        quoted = hit.before[-1:] in _QUOTES and hit.before[-1:] != ""
        late = rule.only_at_the_beginning and hit.start > _BEGINNING
        # "as an AI therapist" plays a part, "as an AI language model" or "as an AI, I" does not
        part = hit.text[-2:].lower() in ("ai", "i.") and hit.text.isascii() and _PART.match(hit.after)
        return None if quoted or late or part else rule

    return accept


_KINDS = (
    (_SELF, _Rule("boilerplate: the answer speaks of being a model", False)),
    (_REFUSE, _Rule("refuses the request", True)),
    (_LEAK, _Rule("words of a prompt or of a chat template in the answer", False)),
)


@check
class Refusal(Check):
    """Says where; whether the refusal is right is a person's to judge, so it is a warning."""

    name = "refusal"
    about = 'refusals, "as an AI …", words of prompts and chat templates in answers; 14 languages'
    options: ClassVar[dict[str, Any]] = {"patterns": ()}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        mine = self.settings["patterns"]
        own = _Rule("matches a pattern of yours", False)
        regexes = user_patterns("refusal.patterns", [mine] if isinstance(mine, str) else mine)
        self._set = PatternSet(
            [Pattern(f"(?i){regex}", _said(rule)) for phrases, rule in _KINDS for regex in phrases]
            + [Pattern(regex, lambda hit: own if hit.text else None) for regex in regexes]
        )

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        scan = self._set.scan
        for row in rows:
            for field, text in row.answers():
                # several patterns may match one sentence: one finding for each message
                firsts: dict[str, Hit] = {}
                for hit, rule in scan(text):
                    kept = firsts.get(rule.message)
                    if kept is None or hit.start < kept.start:
                        firsts[rule.message] = hit
                for message, hit in firsts.items():
                    yield Found(row.id, "warning", field, hit.start, hit.end, message)
