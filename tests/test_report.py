import re

import pytest

from classifier import report
from classifier.corpus.tally import Tally

RUN = {"command": "clean", "model": "m", "version": "0", "policy": {"preset": "balanced"}}
SPEED = {"documents_a_second": 1.0, "megabytes_a_second": 1.0, "seconds": 1.0}
ATTACK = "<script>alert(1)</script> & \ud800"


def page(tally):
    return report.page({**tally.summary(), "run": RUN, "speed": SPEED}).decode()


def test_text_of_documents_is_escaped_in_the_page_of_a_run():
    sample = {"file": ATTACK, "line": 1, "label": "promo", "probability": 1, "threshold": 0.9, "removed": True, "text": ATTACK}
    shown = page(Tally(documents=9, strings={ATTACK: 5}, sites={ATTACK: [9, 10, 1]}, samples=[[0, sample]]))
    assert shown.count("&lt;script&gt;") == 4
    assert "<script" not in shown
    assert "default-src 'none'" in shown


def test_the_page_of_a_run_shows_what_would_hide_or_turn_text():
    shown = page(Tally(documents=9, strings={"promo\u202egnp.exe\u2066\u200b": 5}, sites={"港\x1b\ufeff": [9, 10, 1]}))
    assert r"promo\u202egnp.exe\u2066\u200b" in shown
    assert r"港\x1b\ufeff" in shown


def test_the_page_of_a_run_has_kinds_where_the_model_has_some():
    assert "<h2>Kinds</h2>" not in page(Tally())
    rows = [{"kind": "食谱", "label": "content", "spans": 2, "characters": 1_200, "removed": 300}]
    shown = report.page({**Tally().summary(), "kinds": rows, "run": RUN, "speed": SPEED}).decode()
    assert "<h2>Kinds</h2>" in shown
    assert all(f">{cell}<" in shown for cell in ("食谱", "content", "2", "1,200", "25.0%"))


@pytest.mark.parametrize("tally", [Tally(), Tally(documents=5, parts={"promo en": [1, 2, 3]}, rejects={"not JSON": 1})])
def test_every_element_of_the_page_is_closed(tally):
    opened = []
    for closing, name in re.findall(r"<(/?)([a-z0-9]+)", page(tally)):
        if closing:
            assert opened.pop() == name
        elif name != "meta":
            opened.append(name)
    assert opened == []
