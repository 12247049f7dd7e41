"""English and Chinese sentences joined in the ways that pages join them: the cut must be exact."""

import itertools

import pytest

from training.languages import found, gold

ENGLISH = [
    "The ferry company cancelled all evening crossings because of the storm.",
    "Shares in the shipyard rose 4.2% after it won a $300 million order.",
    "Subscribe to our morning briefing for more stories like this.",
    "Dr. Alvarez said the vaccine trial would resume in early March.",
    "All opinions expressed here are those of the author and not of this website.",
    "Is the old harbour worth saving?",
    "Nobody at the ministry answered our calls on Sunday.",
    "The new iPhone app lets you split a bill with friends in three taps.",
    "No part of this page may be copied without written permission.",
    "Download our app today and get 20% off your first order!",
    "Engineers at Siemens and ABB have tested the turbine for two years.",
    "According to the report, rents in Lisbon doubled between 2015 and 2025.",
]
CHINESE = [
    "受台风影响，渡轮公司取消了当晚的全部航班。",
    "造船厂拿下三亿美元订单，股价上涨4.2%。",
    "欢迎订阅我们的早间简报，第一时间了解更多消息。",
    "受颱風影響，渡輪公司取消了當晚的全部航班。",
    "本文观点仅代表作者本人，与本网站无关。",
    "老港口还值得保留吗？",
    "部門負責人週日沒有回應我們的採訪請求。",
    "新版App支持Apple Pay和微信支付，三步即可AA付款。",
    "未经书面许可，任何人不得复制本页内容。",
    "立即下载客户端，首单立减20元！",
    "西门子（Siemens）与ABB的工程师对涡轮机进行了两年测试。",
    "报告显示，2015年至2025年里斯本的租金翻了一番。",
]
SAYS_EN = ["The captain told reporters: “", "A handwritten note on the gate read “", "Her reply was short: “"]
AFTER_EN = [
    "” He then left the room without another word.",
    "” and nobody knew who had put it there.",
    "” The call ended there.",
]
QUOTED_ZH = ["我们已经尽了最大的努力。", "内部施工，行人请绕道行驶", "我不接受这样的安排。"]
SAYS_ZH = ["船长对记者说：“", "门口的纸条上写着“", "她只回了一句：“"]
AFTER_ZH = ["”说完他便离开了会场。", "”，没有人知道是谁贴的。", "”通话就此结束。"]
QUOTED_EN = ["We have done everything we could.", "please use the other entrance until Friday", "I will not accept this offer."]
GLOSSED_EN = [
    "The tech group {} reported a record profit on Tuesday.",
    "Investors in {} were told to wait until June.",
    "He moved to {} when he was nine years old.",
]
GLOSSES_ZH = [
    "Meituan (美团)",
    "Hangzhou (杭州)",
    "the State Grid Corporation of China (国家电网有限公司)",
    "Lu Xun (鲁迅) Park",
]
GLOSSED_ZH = ["{}周二公布了创纪录的利润。", "记者从{}获悉，相关方案仍在讨论。", "他九岁时随家人搬到了{}附近。"]
GLOSSES_EN = [
    "国际货币基金组织（International Monetary Fund）",
    "慕尼黑（Munich）",
    "麻省理工学院（MIT）",
    "英伟达（NVIDIA Corporation）",
]


def pairs(count):
    """Every `count`-th pair of an English and a Chinese sentence."""
    return list(itertools.product(ENGLISH, CHINESE))[::count]


def case(*pieces):
    text, spans = "", []
    for path, piece in pieces:
        spans.append([len(text), len(text) + len(piece), path])
        text += piece
    return {"text": text, "spans": spans}


PATTERNS = {
    "en+zh": [case(("en", en + " "), ("zh", zh)) for en, zh in pairs(2)],
    "zh+en": [case(("zh", zh), ("en", en)) for en, zh in pairs(2)],
    "zh+en+zh": [case(("zh", zh), ("en", en + " "), ("zh", zh[::-1][1:][::-1] + "。")) for en, zh in pairs(2)],
    "lines": [case(("en", en + "\n"), ("zh", zh + "\n"), ("en", en)) for en, zh in pairs(2)],
    "English quoted in Chinese": [
        case(("zh", before), ("en", quoted), ("zh", after))
        for before, quoted, after in itertools.product(SAYS_ZH, QUOTED_EN, AFTER_ZH)
    ],
    "Chinese quoted in English": [
        case(("en", before), ("zh", quoted), ("en", after))
        for before, quoted, after in itertools.product(SAYS_EN, QUOTED_ZH, AFTER_EN)
    ],
    "glosses": [case(("en", frame.format(gloss))) for frame, gloss in itertools.product(GLOSSED_EN, GLOSSES_ZH)]
    + [case(("zh", frame.format(gloss))) for frame, gloss in itertools.product(GLOSSED_ZH, GLOSSES_EN)],
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_joined_text_is_cut_where_its_language_changes(pattern):
    cases = PATTERNS[pattern]
    wrong = [one["text"] for one in cases if found(one["text"]) != gold(one)]
    assert len(wrong) <= 0.04 * len(cases), wrong


def test_joined_texts_are_exact_in_at_least_96_of_100():
    cases = [one for cases in PATTERNS.values() for one in cases]
    wrong = [one["text"] for one in cases if found(one["text"]) != gold(one)]
    assert len(cases) >= 300
    assert len(wrong) <= 0.04 * len(cases), wrong
