"""Rules: what they match, what they cover, who wins, what they refuse, and that neighbours see them."""

import pickle
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Classifier, InputError, Limits, Policy
from classifier.context import INPUTS, SURE, told
from classifier.decide import STEPS, Mark
from classifier.rules import Rules
from classifier.schema import BREAKS, LABELS, Decider, Label, PolicyError

NEWS = "Three ports cut their daily crane hours on Monday. The Lantern Club meets at noon. Ships wait for a berth.\n"
NEWS_ZH = "港口周一重新开放，船只恢复通行。灯塔读书会下午举行。风向将在周四转变。\n"


def rule(phrase, does='label = "promo"', **keys):
    lines = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    return f'[[rule]]\nphrase = "{phrase}"\n{does}\n{lines}'


@pytest.fixture(scope="module")
def load(clf):
    """A classifier with rules from text, without reading the model again."""
    return lambda *rules: Classifier(clf._stored, Policy(), Limits(), rules=Rules.parse("\n".join(rules)))


def ruled(result):
    return [(result.text[a:b], number) for a, b, number in result.ruled]


def by_rule(result):
    spans = [(result.text[s.start : s.end], s.label, s.kept) for s in result.spans if s.decided_by is Decider.RULE]
    return [span for span in spans if span[0].strip()]


# What a phrase matches


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("Lantern Club", "Meet the LANTERN club."),
        ("lantern club", "Meet the Ｌａｎｔｅｒｎ\u3000\t Club."),
        ("Lantern Club", "Meet the Lan\u200btern\u00ad Club."),
        ("“Lantern” Club", 'Meet the "Lantern" Club.'),
        ("灯塔读书会", "欢迎参加燈塔讀書會。"),
        ("读书会", "欢迎参加灯塔读书会活动。"),
        ("🔥 Hot", "Now: 🔥 hot"),
        ("Call ５５５-0100", "call 555-0100 today"),
        ("Lantern Club", "Meet the Lаntern 𝐂𝐥𝐮𝐛."),
        ("Lаntern Club", "Meet the Lantern Club."),
    ],
)
def test_case_width_quotes_script_white_space_and_disguise_make_no_difference(load, phrase, text):
    result = load(rule(phrase, covers="phrase")).label(text)
    assert len(result.ruled) == 1


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("ant", "The lantern is lit, the plants are ants."),
        ("Lantern Club", "The Lantern Clubs meet."),
        ("Call 555-0100", "call 555-0199 today"),
        ("🔥 Hot", "Now: 🎉 hot"),
        ("Lantern Club", "The Lantern\nClub meets."),
    ],
)
def test_a_phrase_is_whole_words_with_its_own_digits_and_symbols_in_one_line(load, phrase, text):
    assert load(rule(phrase, covers="phrase")).label(text).ruled == ()


@pytest.mark.parametrize(
    ("match", "lines"),
    [
        ("anywhere", {0, 1, 2, 3}),
        ("line start", {0, 1}),
        ("line end", {0, 2}),
        ("line", {0}),
    ],
)
@pytest.mark.parametrize(("phrase", "other"), [("Lantern Club", "news"), ("灯塔读书会", "新闻")])
def test_a_match_is_anchored_to_the_line(load, match, lines, phrase, other):
    texts = [f"  {phrase} ", f"{phrase} {other}", f"{other} {phrase}", f"{other} {phrase} {other}"]
    text = "\n\n".join(texts) + "\r\n"
    result = load(rule(phrase, covers="phrase", match=match)).label(text)
    assert {text[: stretch[0] + 2].count("\n") // 2 for stretch in result.ruled} == lines


def test_matching_is_the_same_as_looking_for_each_phrase_in_turn(load):
    dice = random.Random(4)
    words = ["harbour", "ice", "船只", "泊位", "0", "crane", "a", "每日"]
    phrases = sorted({" ".join(dice.choices(words, k=dice.randrange(1, 5))) for _ in range(60)})
    phrases = [phrase for phrase in phrases if len(phrase.replace(" ", "")) >= 3]
    text = " ".join(dice.choices(words, k=400))
    result = load("\n".join(rule(phrase, covers="phrase") for phrase in phrases)).label(text)
    padded = f" {text} "
    covered = np.zeros(len(text), bool)
    for phrase in phrases:
        at = text.find(phrase)
        while at >= 0:
            left, right = padded[at], padded[at + 1 + len(phrase)]
            if (left == " " or not phrase[0].isascii()) and (right == " " or not phrase[-1].isascii()):
                covered[at : at + len(phrase)] = True
            at = text.find(phrase, at + 1)
    found = np.zeros(len(text), bool)
    for start, end, _ in result.ruled:
        found[start:end] = True
    visible = np.array([char != " " for char in text])
    assert (found & visible).tolist() == (covered & visible).tolist()
    assert covered.sum() > 200


# What a rule covers


@pytest.mark.parametrize(("text", "phrase"), [(NEWS, "Lantern Club"), (NEWS_ZH, "灯塔读书会")])
def test_a_rule_covers_the_sentence_unless_it_says_the_phrase_or_the_line(load, text, phrase):
    sentence = "The Lantern Club meets at noon. " if text is NEWS else "灯塔读书会下午举行。"
    space = " " if text is NEWS else ""
    assert ruled(load(rule(phrase)).label(text)) == [(sentence, 1)]
    assert ruled(load(rule(phrase, covers="phrase")).label(text)) == [(phrase + space, 1)]
    assert ruled(load(rule(phrase, covers="line")).label(text)) == [(text, 1)]


def test_a_rule_never_reaches_across_a_line_break(load):
    text = f"{NEWS}The Lantern Club\n{NEWS}"
    for covers in ("phrase", "sentence", "line"):
        result = load(rule("Lantern Club", covers=covers, match="line end")).label(text)
        assert [text[a:b].strip("\n").count("\n") for a, b, _ in result.ruled] == [0]


TEXT = st.lists(
    st.sampled_from(
        ["Lantern Club", "lantern", " ", "  ", "\n", "\r\n", "。", ". ", "灯塔读书会", "Ａ", "\u200b", "\u2028", "x", "🔥"]
    ),
    max_size=30,
).map("".join)


@given(text=TEXT)
@settings(max_examples=60, deadline=None)
def test_spans_tile_any_text_stay_in_their_lines_and_are_the_same_alone_and_in_a_batch(load, text):
    classifier = load(
        rule("Lantern Club", covers="phrase"),
        rule("灯塔读书会", "keep = true", covers="phrase"),
        rule("club", 'label = "legal"', covers="line", match="line end"),
        rule("塔读书", 'label = "navigation"'),
    )
    alone = classifier.label(text)
    assert [0, *(span.end for span in alone.spans)] == [*(span.start for span in alone.spans), len(text)]
    assert all(text[a:b].strip() for a, b in zip([0, *alone.segments.ends], alone.segments.ends, strict=False) if text.strip())
    inside = [text[s.start : s.end].strip(BREAKS + " \u200b") for s in alone.spans]
    assert not any(set(piece) & set(BREAKS) for piece in inside)
    batch = classifier.label_many([NEWS, text, NEWS_ZH])
    assert (batch[1].spans, batch[1].ruled) == (alone.spans, alone.ruled)


# What a rule does


def test_a_label_is_certain_and_its_span_says_that_a_rule_decided(load):
    result = load(rule("Lantern Club")).label(NEWS)
    assert by_rule(result) == [("The Lantern Club meets at noon. ", Label.PROMO, False)]
    assert {span.confidence for span in result.spans if span.decided_by is Decider.RULE} == {1.0}
    assert "Lantern" not in result.with_policy(Policy.careful()).clean_text


def test_a_rule_says_content_where_the_model_says_something_else(clf, load):
    text = f"{NEWS}Subscribe to our newsletter today!"
    assert "newsletter" not in clf.label(text).clean_text
    assert load(rule("our newsletter", 'label = "content"')).label(text).clean_text == text


def test_keep_holds_a_span_and_touches_no_score(clf, load):
    article = "The council approved the new budget on Tuesday night, after talks that went on for two days.\n"
    text = f"{article}版权所有，未经授权不得转载。"
    plain, result = clf.label(text), load(rule("未经授权", "keep = true", covers="line")).label(text)
    assert by_rule(result) == [("版权所有，未经授权不得转载。", Label.LEGAL, True)]
    assert (result.probabilities == plain.probabilities).all()
    assert result.with_policy(Policy.thorough()).clean_text == text


def test_neighbours_see_the_label_that_a_rule_gave(clf, load):
    text = "Spring menu\nPort guide\nTide table\nLantern Club\nCrane hours\nHarbour map"
    plain = clf.label(text).probabilities
    content = load(*(rule(name, 'label = "content"') for name in ("Port guide", "Tide table", "Crane hours"))).label(text)
    assert content.probabilities[3, 0] > plain[3, 0] + STEPS // 100


def test_a_told_segment_reads_as_one_that_is_sure():
    scores = np.zeros((2, len(LABELS)), np.int64)
    assert told(scores, np.array([1, -1])).tolist() == [[-SURE // 3, SURE, -SURE // 3, -SURE // 3], [0, 0, 0, 0]]
    assert len(LABELS) < INPUTS


def test_without_a_match_the_result_is_that_of_no_rules(clf, load, flattened):
    texts = [NEWS, NEWS_ZH, flattened, ""]
    for plain, result in zip(clf.label_many(texts), load(rule("never there")).label_many(texts), strict=True):
        assert (result.probabilities == plain.probabilities).all()
        assert (result.spans, result.ruled, plain.ruled) == (plain.spans, (), ())


def test_a_long_document_that_is_read_in_parts_is_ruled_like_its_parts(clf):
    parted = Classifier(clf._stored, Policy(), Limits(document_characters=150), rules=Rules.parse(rule("Lantern Club")))
    assert [text for text, _ in ruled(parted.label(3 * NEWS))] == 3 * ["The Lantern Club meets at noon. "]


# Sites and conflicts


def test_a_rule_of_a_site_holds_there_and_on_its_subdomains_alone(load):
    classifier = load(rule("Lantern Club", site="https://www.Example.org/news"))
    named = ["example.org", "http://www.example.org/1", "NEWS.example.org", "notexample.org", "example.com", None]
    results = classifier.label_many([NEWS] * 6, sites=named)
    assert [bool(result.ruled) for result in results] == [True, True, True, False, False, False]
    assert classifier.label(NEWS, site="example.org").ruled == results[0].ruled
    assert classifier.label(NEWS).ruled == ()


@pytest.mark.parametrize("named", [["example.org"], ["example.org"] * 3])
def test_as_many_sites_as_documents_are_asked_for(load, named):
    with pytest.raises(InputError, match="sites than documents"):
        load(rule("Lantern Club")).label_many([NEWS, NEWS], sites=named)


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        (rule("Lantern Club", site="example.org"), rule("Club", "keep = true"), 2),
        (rule("The Lantern Club"), rule("Lantern Club", site="example.org"), 2),
        (rule("Lantern Club", site="example.org"), rule("Club", site="news.example.org"), 2),
        (rule("Club"), rule("Lantern Club", 'label = "legal"'), 2),
        (rule("Lantern Club"), rule("Lantern Club", 'label = "legal"'), 1),
    ],
    ids=["keep before label", "site before all", "subdomain before domain", "longer before shorter", "order of the file"],
)
def test_where_rules_meet_one_wins(load, first, second, wins):
    (found,) = load(first, second).label(NEWS, site="news.example.org").ruled
    assert found[2] == wins


def test_a_rule_that_loses_in_part_decides_the_rest(load):
    result = load(rule("meets at noon", covers="sentence"), rule("Lantern Club", "keep = true", covers="phrase")).label(NEWS)
    assert ruled(result) == [("The ", 1), ("Lantern Club ", 2), ("meets at noon. ", 1)]
    assert [kept for _, _, kept in by_rule(result)] == [False, True, False]


# Files


def test_a_file_is_read_with_all_its_keys(tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text(
        '\ufeff[[rule]]\nphrases = ["Lantern Club", "灯塔读书会"]\nlabel = "promo"\nsite = "example.org"\nmatch = "line end"\n'
        'covers = "line"\nnote = "its own events"\n\n[[rule]]\nphrase = "Ahoy there"\nkeep = true\n',
        "utf-8",
    )
    first, second = Rules.read(file).rules
    assert (first.phrases, first.label, first.site) == (("Lantern Club", "灯塔读书会"), Label.PROMO, "example.org")
    assert (first.match, first.covers, first.note) == ("line end", "line", "its own events")
    assert (second.number, second.label, second.match, second.covers) == (2, None, "anywhere", "sentence")
    assert Classifier.load(rules=file).label("灯塔读书会", "example.org").ruled == ((0, 5, 1),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[rule]]\nphrase = "abc"\nlabel = "promo"\nlable = 1', r"rule 1: unknown key 'lable': use covers, keep"),
        (rule("abc", 'label = "promo"\nkeep = true'), "rule 1 has both label and keep"),
        (rule("abc", ""), "rule 1 has neither label nor keep"),
        (rule("abc", "keep = false"), "rule 1 has neither label nor keep"),
        (rule("abc") + rule("abc", 'label = "advert"'), "rule 2: unknown label 'advert': use one of content, promo"),
        (rule("  "), "rule 1: the phrase '  ' has 0 visible characters: use 3 to 1,000"),
        (rule("a b"), "has 2 visible characters"),
        (rule("a" * 1001), "has 1,001 visible characters"),
        (rule("a\\u200bb\\u200b"), "has 2 visible characters"),
        (rule("Lantern\\nClub"), "has a line break"),
        (rule("abc", match="start"), "match is 'start': use one of 'anywhere', 'line', 'line start', 'line end'"),
        (rule("abc", covers="page"), "covers is 'page': use one of 'sentence', 'phrase', 'line'"),
        (rule("abc", site=""), "site is '': name a site"),
        (rule("abc", "label = 5"), "label is 5: write a string"),
        (rule("abc", 'keep = "yes"'), "keep is 'yes': write true"),
        ('[[rule]]\nlabel = "promo"', 'give it phrase = "…"'),
        ('[[rule]]\nphrase = "abc"\nphrases = ["abc"]\nlabel = "promo"', 'give it phrase = "…"'),
        ('[[rule]]\nphrases = []\nlabel = "promo"', r"phrases is \[\]: write a list of strings"),
        ('[[rule]]\nphrases = "abc"\nlabel = "promo"', "phrases is 'abc': write a list"),
        ('phrase = "abc"\nlabel = "promo"', "my.toml: 'phrase' stands outside a rule"),
        ('[rule]\nphrase = "abc"', "my.toml: 'rule' stands outside a rule: begin each rule"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_its_number_and_what_to_do(text, says):
    with pytest.raises(PolicyError, match=says) as caught:
        Rules.parse(text, "my.toml")
    assert str(caught.value).startswith("my.toml")


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for content, says in ((b"\xff", "is not UTF-8"), (b"[[rule]\n", "is no TOML: "), (None, "cannot read the rules")):
        file = tmp_path / "rules.toml"
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(InputError, match=says):
            Classifier.load(rules=file)


def test_a_pickled_classifier_keeps_its_rules(load):
    classifier = load(rule("Lantern Club"))
    before = classifier.label(NEWS)
    again = pickle.loads(pickle.dumps(classifier))
    assert (again.rules, again.label(NEWS).spans) == (classifier.rules, before.spans)
    assert again.get_params()["rules"] == classifier.rules


def test_marks_say_what_each_rule_does():
    rules = Rules.parse(rule("abc") + rule("abc", "keep = true"))
    assert rules.marks.tolist() == [0, Mark.RULED, Mark.HELD]
    assert rules.labels.tolist() == [-1, LABELS.index(Label.PROMO), -1]
    assert replace(rules, digest="") != rules
