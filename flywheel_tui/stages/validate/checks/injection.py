"""`injection`: text that speaks to whoever judges the pair, or to the model that reads it, instead of to the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from flywheel_tui.stages.validate import hidden
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.patterns import Hit, Pattern, PatternSet
from flywheel_tui.stages.validate.user_patterns import user_patterns

_QUOTES = frozenset("\"'“”„‘’«»‹›`「『")

_JUDGE = (
    r"(?:judges?|graders?|evaluators?|raters?|scorers?|reviewers?|annotators?|markers?|examiners?|llms?|assistants?"
    r"|ai models?|verifiers?)"
)
_FULL = r"(?:10|ten|5|five|100|full|maximum|max|highest|perfect|top|best)"
_THIS = r"(?:this|the|my|our|it|these|any|every|all|above|following)"
_THING = r"(?:answer|response|reply|output|submission|completion|solution|essay|text|pair|one|option|candidate)"
_VERDICT = (
    r"(?:scor|rat(?:e|ing)|grad(?:e|ing)|mark(?:s|ing)\b|points?\b|pass(?:ed|ing)?\b|verdict|approv|10\b|check it)"
)
_RULES = (
    r"(?:instructions?|rubrics?|criteria|guidelines?|directions?|prompts?|rules|orders|commands|context|directives)"
)
_OLD = (
    r"(?:all|any|every|previous|prior|above|earlier|preceding|former|foregoing|other|original|initial"
    r"|system|your|scoring|grading|judging"
    r"|evaluation|safety|these|those|the)"
)
_START = r"(?:^|[.!?:;\n\]\[)(>}*\-–—,]\s*|\b(?:please|now|and|then|must|should|to|just|hello|hi|hey),? )"


class Rule(NamedTuple):
    """`judge`: it is about a verdict, so in an instruction it may well be the task; `severity` holds elsewhere."""

    severity: str
    message: str
    judge: bool = False


_IGNORE = Rule("warning", "tells the reader to ignore its instructions")
_ADDRESS = Rule("error", "speaks to whoever judges the pair", judge=True)
_DEMAND = Rule("warning", "asks for a score", judge=True)
_CHOOSE = Rule("warning", "asks to be preferred", judge=True)
_OUTPUT = Rule("warning", "dictates a verdict", judge=True)
_ROLE = Rule("warning", "poses as a message of the system")

_PATTERNS: tuple[tuple[Rule, str], ...] = (
    (_IGNORE, rf"{_START}(?:ignore|disregard|forget|override|bypass|do not follow|don['’]t follow|stop following)\b"
              rf"(?: \w+)?(?: {_OLD}){{1,4}} (?:[\w\-]+ ){{0,2}}{_RULES}\b(?: (?:above|below|before|you were|you have"
              r"|given|and|about|so far)|[.,;:!\]]|\s*$|\s*\n)"),
    (_IGNORE, rf"{_START}(?:ignore|disregard|forget) (?:everything|all|anything) (?:above|before|you (?:were"
              r"|have been|know)|that (?:was|came)|else)"),
    (_IGNORE, r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte\w*) (?:bitte )?(?:alle?n? |die |sämtliche )?"
              r"(?:\w+ )?(?:vorherigen|bisherigen|obigen|früheren|vorigen|deine|ihre)\w* (?:\w+ )?(?:anweisungen"
              r"|instruktionen|regeln|vorgaben|kriterien)"),
    (_IGNORE, r"\b(?:ignore[zr]?|oublie[zr]?|ne tiens pas compte|ne tenez pas compte)(?: de)? (?:toutes? )?(?:les "
              r"|tes |vos |des )?(?:instructions|consignes|règles|directives) (?:précédent|ci-dessus|antérieur|donné"
              r"|reçu)"),
    (_IGNORE, r"\b(?:ignora|ignore|olvida|olvide|desconsidere|esqueça|dimentica) (?:todas? |todos? |tutte )?(?:las "
              r"|los |as |os |le |tus |sus |suas )?(?:instrucciones|reglas|indicaciones|instruções|regras|istruzioni"
              r"|regole) (?:anterior|previ|precedent|de arriba|acima)"),
    (_IGNORE, r"(?:игнорируй|забудь|не учитывай)(?:те)? (?:все )?(?:предыдущие|прежние|вышеуказанные|данные) "
              r"(?:инструкции|указания|правила)"),
    (_IGNORE, r"(?:忽略|无视|無視|忘记|忘掉)(?:掉)?(?:之前|以上|上述|先前|前面|所有|全部|上面)"
              r"[^。\n]{0,8}(?:指令|指示|说明|提示|规则)"
              r"|(?:以前|これまで|上記|以上|すべて)の[^。\n]{0,6}(?:指示|命令|ルール)[をは]?[^。\n]{0,4}無視"),
    (_ADDRESS, r"\b(?:dear|attention:?,?|hey|hello|note (?:to|for)(?: the| all)?|messages? (?:to|for)(?: the)?"
               r"|instructions? (?:to|for)(?: the)?(?: \w+ and(?: the)?)?|important for(?: the)?|as the|if you are"
               r"(?: an?| the)?)"
               rf" (?:ai |llm |automated )?{_JUDGE}\b[^\n]{{0,160}}?{_VERDICT}"),
    (_DEMAND, rf"\b(?:give|award|assign|grant|score|rate|grade|mark)\b (?:\w+ ){{0,2}}?{_THIS}\b(?: \w+){{0,7}}?,? "
              rf"(?:(?:a|an|with|as|at|of|the|score|rating|grade|mark|is|be|by) ){{0,5}}{_FULL}\b"
              r"(?:(?:/| / | out of | von | of )(?:10|ten|5|five|100)\b| (?:points|marks|score|rating|grade"
              r"|mark)\b|[.!;,\n]|\s*$| and| on| for)"),
    (_DEMAND, r"\b(?:bewerte\w*|gib|geben sie|vergib)\b[^.!?\n]{0,40}\b(?:antwort|text|lösung"
              r"|dies\w*)\b[^.!?\n]{0,30}(?:\b10\b|\bzehn\b|höchst\w*|volle\w*) ?(?:punkt|von 10|note|bewertung"
              r"|/ ?10)"),
    (_DEMAND, r"\b(?:donne[zr]?|attribue[zr]?|note[zr]?)\b[^.!?\n]{0,40}(?:réponse|cette|note)[^.!?\n]{0,30}"
              r"(?:\b10\b|maximale|la plus haute)|\b(?:dale|otorga|califica|asigna|dê|atribua)\b[^.!?\n]{0,40}"
              r"(?:respuesta|resposta|nota|puntuación|pontuação)[^.!?\n]{0,30}(?:\b10\b|máxim)"),
    (_DEMAND, r"(?:给|請給|请给)[^。\n]{0,10}(?:回答|答案|回复)[^。\n]{0,8}(?:10|十|满|滿)分"
              r"|(?:この|本)(?:回答|応答)[^。\n]{0,10}(?:10|満)点"),
    (_CHOOSE, rf"{_START}(?:choose|select|prefer|pick|vote for)\b (?:only )?(?:this|my|the (?:first|second|above"
              rf"|following)) {_THING}\b(?: (?:as|and|over|because)|[.!,;\n]|\s*$)"),
    (_OUTPUT, r"(?:output|return|print|respond with|answer with|reply with"
              r"|write)\b[^\n]{0,30}[{\"'](?:score|passed|verdict|rating|overall|grade)[\"']?"
        r"\s*[:=]\s*[\"']?(?:10|5|100|true|pass)"),
    (_OUTPUT, r"\b(?:do not|don['’]t|no need to|never) (?:evaluate|grade|judge|check|verify|score"
              r"|rate)\b[^.\n]{0,30}\b(?:answer|response|submission|it)\b[^.\n]{0,40}\b(?:just|but|and"
              r"|instead)\b[^.\n]{0,20}\b(?:pass|approve|accept|give|score|10)\b"),
    (_ROLE, r"\[\s?(?:system|admin|administrator|developer)(?: (?:note|message|override|prompt|instructions?))?\b"
            r"[^\]\n]{0,40}:|<\|(?:im_start|start_header_id)\|>\s?system"),
    (_ROLE, r"(?m)^\s*#{2,4} ?system ?:"),
    (_ROLE, r"(?m)^\s*(?:#{1,4} ?|\*\*)?(?:system (?:prompt|override|message|note|instructions?)|new instructions?"
            r"|admin override)(?:\*\*)? ?:"),
    (_ROLE, r"\b(?:begin|start of|end of) (?:new )?(?:system|admin|hidden) (?:prompt|instructions?|message)\b"
            r"|\byou are now (?:in )?(?:dan\b|developer mode|jailbr|unrestricted)"),
)  # fmt: skip


def _accept(rule: Rule) -> Callable[[Hit], Rule | None]:
    def accept(hit: Hit) -> Rule | None:
        # a sentence in quotes is spoken about: an article on injections is none
        text = hit.text.lstrip(" \n.!?:;,([{>*-–—")
        before = hit.before + hit.text[: len(hit.text) - len(text)]
        return None if before[-1:] in _QUOTES and before else rule

    return accept


@check
class Injection(Check):
    """In an instruction, words about scores may be the task itself: there only what claims to be the system counts."""

    name = "injection"
    about = "text that tries to instruct the judge or the model, also in hidden characters and passages"
    options: ClassVar[dict[str, Any]] = {"patterns": ()}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        given = self.settings["patterns"]
        mine = user_patterns("injection.patterns", [given] if isinstance(given, str) else given)
        own = Rule("warning", "matches a pattern of yours")
        self._set = PatternSet(
            [Pattern(f"(?i){regex}", _accept(rule)) for rule, regex in _PATTERNS]
            + [Pattern(regex, lambda hit: own if hit.text else None) for regex in mine]
        )

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        for row in rows:
            for field, text in row.texts():
                for start, end, rule in self._found(text):
                    if field in ("instruction", "input") and rule.judge:
                        continue
                    yield Found(row.id, rule.severity, field, start, end, rule.message)
                if not text.isascii():
                    yield from self._hidden(row.id, field, text)

    def _found(self, text: str) -> list[tuple[int, int, Rule]]:
        """The places, one for each rule at least, with several rules at one place as the worst of them."""
        bared = hidden.Bared(text)
        hits = [(hit.start, hit.end, rule) for hit, rule in self._set.scan(bared.text)]
        if not hits:
            return []
        hits.sort(key=lambda hit: (hit[0], -hit[1]))
        merged: list[tuple[int, int, Rule]] = []
        for start, end, rule in hits:
            if merged and start < merged[-1][1]:
                first, last, kept = merged[-1]
                worse = rule if (rule.severity, kept.severity) == ("error", "warning") else kept
                merged[-1] = (first, max(last, end), worse)
            else:
                merged.append((start, end, rule))
        if len({rule.message for _, _, rule in hits}) > 1:
            # several kinds in one text is no accident
            merged = [(start, end, rule._replace(severity="error", judge=False)) for start, end, rule in merged]
        return [(bared.place(start), bared.place(end, end=True), rule) for start, end, rule in merged]

    def _hidden(self, pair: int, field: str, text: str) -> Iterator[Found]:
        for start, end, spelt in hidden.messages(text):
            words = sum(map(str.isalpha, spelt))
            if words >= 4:
                message = f"a hidden message: {hidden.shown(spelt)}"
                yield Found(pair, "error", field, start, end, message)
