"""Words that the aids look for or look past, in several languages."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


SPOILS = words(
    "x of times plus minus over by half twice double von mal durch geteilt fois moins divisé por menos entre "
    "dividido per more less root sqrt log ln sin cos mod day days week weeks month months year years page pages "
    "chapter chapters question questions step steps grade row part option number no"
)
"""Words in front of an expression that belong to it, or that it counts."""
JOINS = words("and so is are that because since then as now und also ist donc est et así entonces y")
"""Words after which a bare number on the left of an equation is a number, not a name (`Week 2 = 35 + 35`)."""
COMMON = words(
    "about above after again also although another answer because been before being below between both cannot "
    "could does doing down during each even every from further have having here however into itself just like made "
    "make makes many might more most much must need needs only other ought over same shall should since some such than "
    "that their them then there therefore these they this those though through thus together under until upon very "
    "were what when where whether which while whom will with within without would your yours yes according provided "
    "aber alle auch dann dass denn diese dieser dieses doch durch einem einen einer eines haben kann nach nicht noch "
    "oder ohne sich sind über unter wenn werden wird avec cette dans elle être leur mais même nous pour sans sont sous "
    "tout une vous como cuando desde donde entre esta este estos hasta para pero porque según sobre también tiene"
)
"""Words of four letters and more that tell nothing of what an answer is about."""
DATES = words(
    "january february march april may june july august september october november december monday tuesday wednesday "
    "thursday friday saturday sunday yes the"
)
"""Words with a capital that are no names."""
ABSTAINS = (
    "do not say", "does not say", "don't say", "doesn't say", "do not mention", "does not mention", "not mentioned",
    "do not name", "does not name", "not named", "says nothing", "say nothing", "no information", "not specified",
    "does not specify", "do not specify", "not stated", "does not state", "do not state", "cannot be answered",
    "can't be answered", "cannot answer", "can't answer", "cannot be determined", "cannot determine", "not contain",
    "does not provide", "do not provide", "not provided", "is not given", "are not given", "not enough information",
    "insufficient information", "i don't know", "i do not know", "unanswerable", "no answer", "not available",
    "does not include", "do not include", "does not indicate", "do not indicate", "unable to answer", "unknown",
    "nicht erwähnt", "keine angabe", "keine information", "nicht genannt", "steht nicht", "sagen nicht", "sagt nicht",
    "geht nicht hervor", "weiß ich nicht", "nicht beantworte", "ne précise", "ne mentionne", "ne dit pas",
    "ne disent pas", "pas d'information", "aucune information", "pas mentionné", "no se menciona", "no menciona",
    "no dice", "no indica", "no especifica", "no hay información", "non è specificat", "non menzion", "não menciona",
    "não há informaç", "niet vermeld", "geen informatie", "не указан", "не упомина", "нет информации", "не говорится",
    "記載されていません", "記載はありません", "書かれていません", "わかりません", "情報はありません",
    "没有提到", "未提及", "没有说明",
    "无法回答", "不知道", "언급되", "알 수 없", "لا تذكر", "لم يذكر", "لا توجد معلومات", "उल्लेख नहीं", "जानकारी नहीं",
)  # fmt: skip
"""What an answer says that gives none."""
