"""Text to language paths: script first, function words next, langdetect's profiles last.

scripts    letters by script and function words, counted over a whole batch
grammar    what the words of a stretch say: a clause of its own, a label, a name
tokens     a sentence to stretches of one script, and what each stands in
mixed      those to runs of one language
profiles   langdetect's n-gram profiles as an exact posterior, and its own detector
han        Simplified against Traditional
switches   where a sentence changes its language for good
paths      all of it together: the path of every segment
"""

from classifier.language.paths import EN, LONGEST, OTHER, ZH, chinese_script, detected, routes
from classifier.language.scripts import Read, read
from classifier.language.switches import may_switch, switches

__all__ = [
    "EN",
    "LONGEST",
    "OTHER",
    "ZH",
    "Read",
    "chinese_script",
    "detected",
    "may_switch",
    "read",
    "routes",
    "switches",
]
