import pytest

from classifier import segment


@pytest.mark.parametrize("text", ["请阅读免责声明：不构成建议", "詳見免責聲明：不構成建議"])
def test_a_head_that_a_verb_takes_as_its_object_begins_no_piece(text):
    assert pieces(text) == [text]


def pieces(text):
    ends = segment.cut(text).ends
    return [text[a:b].strip() for a, b in zip([0, *ends], ends, strict=False)]


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("Source: Harbour Ledger Pilots refused to sail on Monday.", "Pilots refused to sail on Monday."),
        ("Photo: Ana Reyes The quay was empty at noon.", "The quay was empty at noon."),
        ("The post Ships wait for a berth appeared first on Harbour News Cranes stood still.", "Cranes stood still."),
        ("The quay was empty (Photo: Ana Reyes) Cranes stood still.", "(Photo: Ana Reyes)"),
        ("Find the plan at https://example.org/plan?a=1 Cranes stood still.", "Cranes stood still."),
        ("Write to desk@example.org Cranes stood still.", "Cranes stood still."),
        ("Ana (@ana_reyes) June 3, 2025 Cranes stood still.", "Cranes stood still."),
        ("Harbour Desk @harbourdesk · Follow Cranes stood still.", "Cranes stood still."),
        ("What kept the ships waiting The cranes had no power.", "The cranes had no power."),
        ("Get started with Harbour Ledger Will the lane open again?", "Will the lane open again?"),
        ("Subscribe Now © Harbour Ledger", "© Harbour Ledger"),
        ("Explore the harbour Fees may apply.", "Fees may apply."),
        ("Cranes stood still for days *This is no advice.", "*This is no advice."),
        ("<p>Cranes stood still.</p><p>Ships wait.</p>", "Ships wait.</p>"),
        ("Cranes stood still #port #strike", "#port #strike"),
        ("Cranes stood still ======== Ships wait", "========"),
        ("港口关闭了 #港口 #罢工", "#港口 #罢工"),
        ("地图在https://example.org/map吊车停了三天", "吊车停了三天"),
        ("吊车停了三天--------船只等待", "--------"),
        ("吊车停了三天。来源：港口日报", "来源：港口日报"),
        ("吊车停了三天公司地址：北港路一号", "公司地址：北港路一号"),
        ("（图片来自网络，侵删）吊车停了三天", "吊车停了三天"),
        ("吊车停了三天，图片取自网络", "图片取自网络"),
        ("吊车停了三天我的微博@harbour", "我的微博@harbour"),
        ("吊车停了三天还想了解什么，欢迎留言。", "还想了解什么，欢迎留言。"),
        ("吊车停了三天（责任编辑：王海）", "（责任编辑：王海）"),
        ("未经许可，转载请注明出处吊车停了三天", "吊车停了三天"),
        (" -看港口，訂閱我們的頻道-吊車停了三天", "吊車停了三天"),
        ("吊车停了三天、船只等待、常年法律顾问 | 王律师", "常年法律顾问 | 王律师"),
    ],
)
def test_pieces_glued_without_a_full_stop_come_apart_by_their_form(text, second):
    assert second in pieces(text)[1:]


def test_hashtags_are_cut_alike_by_a_python_that_matches_possessive_groups_wrongly():
    # Before 3.11.5 it took the last mark of the first for a piece.
    assert pieces("#A#港口# #罢工#") == ["#A#港口#", "#罢工#"]


@pytest.mark.parametrize(
    "text",
    [
        "The plan (Photo 3 shows it) was read at https://example.org by all",
        "He told The Harbour Ledger that cranes stood still",
        "Of the ships that The pilots named none sailed",
        "What Supplements Should I Take?",
        "PARIS (Reuters) - Cranes stood still",
        "航线 -北京-广州 停了三天",
        "| name | -------- | berth |",
        "Call C# or F# from the crane",
        "They sell at www.example.org and in shops",
        "Telegram: https://t.example/port Facebook: https://f.example/port",
        "我喜欢请客吃饭",
        "请关注我的微博",
        "因使用本网站内容而造成的损失",
        "请登录https://example.org查看地图",
        "报道注明“来源：港口日报”的照片",
    ],
)
def test_what_only_looks_like_a_seam_does_not_cut(text):
    assert pieces(text) == [text]
