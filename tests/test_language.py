import sys
import threading

import pytest

from classifier import profiles, segment
from classifier.schema import LANGUAGES


def path(text):
    return [LANGUAGES[number] for number in segment.cut(text).languages]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The council voted to close the bridge for a year.", "en"),
        ("Privacy policy", "en"),
        ("市议会投票决定将大桥关闭一年。", "zh"),
        ("市議會投票決定將大橋關閉一年。", "zh"),
        ("他用 TensorFlow 和 PyTorch 训练了一个新的模型。", "zh"),
        ("広告の掲載についてはこちらをご覧ください。", "other"),
        ("다리는 일 년 동안 폐쇄됩니다.", "other"),
        ("Мост закроют на один год.", "other"),
        ("Der Stadtrat hat beschlossen, die Brücke für ein Jahr zu schließen.", "other"),
        ("El ayuntamiento ha decidido cerrar el puente durante un año.", "other"),
    ],
)
def test_a_sentence_takes_the_path_of_its_language(text, expected):
    assert path(text) == [expected]


def test_lines_without_letters_take_the_path_of_their_page():
    assert path("2026-03-18 07:42\n市议会投票决定将大桥关闭一年。") == ["zh", "zh"]
    assert path("2026-03-18 07:42\nThe council voted to close the bridge.") == ["en", "en"]


def test_text_without_any_letters_is_other():
    assert path("12:30 — 99 %") == ["other"]


def test_an_english_sentence_in_a_chinese_paragraph_takes_the_english_path():
    assert path("本文不构成投资建议。This page is not an offer to buy or to sell anything.") == ["zh", "en"]


def test_short_menu_entries_follow_an_english_page():
    page = "Menu\nFotos\nThe council voted to close the bridge for a year, and the ferry will run instead."
    assert path(page) == ["en", "en", "en"]


def test_a_cold_start_from_many_threads_gives_one_answer(monkeypatch):
    monkeypatch.setattr(profiles, "_profiles", None)
    profiles.english_probability.cache_clear()
    barrier, answers = threading.Barrier(16), []

    def ask():
        barrier.wait()
        answers.append(profiles.english_probability("Brücke Straße geschlossen Verkehr", 0.5))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert answers[0] < 0.5


def test_langdetect_itself_is_never_imported():
    path("Wörter ohne klare Zuordnung")
    assert "langdetect" not in sys.modules
