import numpy as np
import pytest

from classifier.language import han


def fold(text):
    traditional, simplified = han.traditional_to_simplified()
    return text.translate(dict(zip(traditional.tolist(), simplified.tolist(), strict=True)))


def test_folding_gives_simplified_text_of_the_same_length():
    assert fold("港務局關閉了東邊的碼頭。The port.") == "港务局关闭了东边的码头。The port."
    assert len(fold("𠮷野家")) == 3


def test_characters_with_alternatives_are_left_alone():
    assert fold("乾隆") == "乾隆"


def test_folding_twice_changes_nothing_and_the_table_is_ascending():
    traditional, simplified = han.traditional_to_simplified()
    assert not set(traditional.tolist()) & set(simplified.tolist())
    assert np.all(np.diff(traditional.astype(np.int64)) > 0)
    assert traditional.size == simplified.size > 3000


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("港务局关闭了东边的码头。", "Hans"),
        ("港務局關閉了東邊的碼頭。", "Hant"),
        ("今天天色不好。", None),
        ("", None),
        ("The port is closed.", None),
        ("皇后与太后", "Hans"),
        ("皇后與太后", "Hant"),
        ("务務", None),
        ("\ud800港务", "Hans"),
    ],
)
def test_the_script_is_that_of_most_characters_that_decide(text, script):
    assert han.script(text) == script
