"""The rules that tell the task of a prompt: (task, weight, RE2 pattern in any case). Weights of one task add up."""

from service_common.vocabulary import Task

_WRITE = r"\b(write|compose|craft|draft|create|tell|invent)\b"
_MAKE = r"\b(write|implement|create|develop|build|generate|code|design)\b"
_CODE = r"(code|function|script|program|method|class|query|bug)"

TASK_RULES: tuple[tuple[Task, float, str], ...] = (
    (Task.CODE_REVIEW, 4, rf"\b(review|debug|refactor|fix|improve|optimi[sz]e)\b.{{0,60}}\b{_CODE}\b"),
    (Task.CODE_REVIEW, 4, rf"\b(what('s| is) wrong with|find the (bug|error)s?)\b.{{0,60}}\b{_CODE}\b"),
    (Task.CODE_GENERATION, 3, rf"{_MAKE}.{{0,80}}\b{_CODE}\b"),
    (Task.CODE_GENERATION, 2, r"\b(python|javascript|typescript|java|c\+\+|c#|rust|golang|kotlin|sql|bash|html|css)\b"),
    (Task.CODE_GENERATION, 1.5, r"```"),
    (Task.SUMMARIZATION, 4, r"\b(summari[sz]e|summary|tl;?dr|condense|shorten|(key|main) points)\b"),
    (Task.TRANSLATION, 4, r"\btranslat(e|ion)\b"),
    (Task.EXTRACTION, 4, r"\b(extract|pull out|list all|find all|identify all|parse)\b"),
    (Task.CLASSIFICATION, 4, r"\b(classify|categori[sz]e|label|sentiment|which (category|class|topic))\b"),
    (Task.CREATIVE, 4, rf"{_WRITE}.{{0,60}}\b(story|poem|song|lyrics|haiku|essay|blog|email|letter|speech|joke)\b"),
    (Task.ANALYSIS, 3, r"\b(analy[sz]e|analysis|compare|contrast|evaluate|assess|pros and cons|discuss)\b"),
    (Task.SIMPLE_QA, 2, r"^\s*(what|who|when|where|which|how|is|are|does|do|did|can|was|were)\b"),
    (Task.SIMPLE_QA, 1, r"\?\s*$"),
)
