import importlib
import os
import random
import subprocess
import sys
import threading

import pytest

from classifier import segment
from classifier.language import profiles
from classifier.schema import LANGUAGES, Limits


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


def test_fragments_of_a_chinese_line_follow_it_and_buttons_do_not():
    assert path("渡轮停航，港口关闭。（via）") == ["zh", "zh"]
    assert path("渡轮停航，港口关闭。Subscribe now!") == ["zh", "en"]


def test_a_closing_quotation_mark_belongs_to_who_quotes():
    text = "船长说：“We are not sailing today.”"
    cut = segment.cut(text)
    assert [text[a:b] for a, b in zip([0, *cut.ends], cut.ends, strict=False)] == [
        "船长说：“",
        "We are not sailing today.",
        "”",
    ]
    assert path(text) == ["zh", "en", "zh"]


def test_an_address_alone_says_nothing_of_its_language():
    assert path("https://example.org/ferry?id=7") == ["other"]
    assert path("https://example.org/ferry?id=7\n渡轮停航，港口关闭。") == ["zh", "zh"]


def test_tickers_alone_are_english():
    assert path("ETH/USDT -1.4% BNB +0.2%") == ["en"]


@pytest.mark.parametrize("text", ["予約受付", "経済学会", "新着記事", "検索"])
def test_a_page_of_one_japanese_line_in_kanji_is_other(text):
    assert path(text) == ["other"]


@pytest.mark.parametrize("text", ["預約掛號", "经济学会", "大事記", "社会", "記者會"])
def test_a_page_of_one_chinese_line_is_chinese(text):
    assert path(text) == ["zh"]


def test_kanji_lines_follow_a_page_with_kana():
    assert path("東京\n港は一年間閉鎖されることになった。") == ["other", "other"]
    assert path("东京的港口\nおはようございます") == ["zh", "other"]


def test_a_foreign_quotation_behind_a_colon_is_cut_off():
    assert path("The captain said in German: Wir fahren heute nicht und morgen auch nicht.") == ["en", "other"]


TEXTS = [
    "渡轮停航，港口关闭。Subscribe now!",
    "Fotos\nDer Hafen bleibt heute wegen des Sturms geschlossen.",
    "Ferry timetable\nPrices",
    "Porto chiuso per maltempo",
    "検索",
    "His nickname 老船长 means old captain.",
]


def test_a_cold_start_from_16_threads_gives_one_answer(monkeypatch):
    monkeypatch.setattr(profiles, "_profiles", None)
    profiles.english_probability.cache_clear()
    barrier, answers = threading.Barrier(16), []

    def ask():
        barrier.wait()
        answers.append(tuple(tuple(path(text)) for text in TEXTS))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 16
    assert set(answers) == {tuple(tuple(path(text)) for text in TEXTS)}


def test_the_order_of_documents_changes_nothing():
    first = {text: path(text) for text in TEXTS}
    for seed in range(5):
        profiles.english_probability.cache_clear()
        order = random.Random(seed).sample(TEXTS, len(TEXTS))
        assert {text: path(text) for text in order} == first


def test_hash_seeds_change_nothing():
    program = (
        "from classifier import segment; from classifier.language import profiles;"
        f"print([segment.cut(t).languages for t in {TEXTS!r}], profiles.english_probability('porto chiuso', 0.5).hex())"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(answers) == 1


def test_langdetect_itself_is_never_imported():
    program = (
        f"import sys; from classifier import segment; [segment.cut(t) for t in {TEXTS!r}]; print('langdetect' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"False\n"


def detected(text):
    return [LANGUAGES[number] for number in segment.cut(text, language_id="langdetect").languages]


def test_langdetects_own_detector_is_asked_once_a_paragraph():
    text = "The port will stay closed until the storm has passed. 港口关闭。\nDer Hafen bleibt wegen Sturm geschlossen.\n12:30"
    assert detected(text) == ["en", "en", "other", "other"]
    assert segment.cut(text).ends == segment.cut(text, language_id="langdetect").ends


def test_langdetects_answer_does_not_depend_on_threads_or_on_other_users_of_it(monkeypatch):
    monkeypatch.setattr(profiles, "_factory", None)
    barrier, answers = threading.Barrier(16), []
    lines = ["Home news", "Porto chiuso", "港口", "Prices", "Der Hafen", "menu de la mer"]

    def ask(seed):
        barrier.wait()
        importlib.import_module("langdetect").DetectorFactory.seed = seed
        random.seed(seed)
        answers.append(tuple(detected(line)[0] for line in random.Random(seed).sample(lines * 3, 18) if line == "Home news"))
        answers.append(tuple(detected(line)[0] for line in lines))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    importlib.import_module("langdetect").DetectorFactory.seed = None
    assert len(answers) == 32
    assert len(set(answers)) == 2


def test_a_limit_beyond_what_the_counters_hold_changes_no_path():
    long = "港" * 9_000
    assert {LANGUAGES[number] for number in segment.cut(long, Limits(segment_characters=100_000)).languages} == {"zh"}
