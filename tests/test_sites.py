"""Site memory and drift: what repeats, what that changes, files of profiles, and sites that are no longer what they were."""

import gzip
import json
import pickle
import random
from dataclasses import replace

import numpy as np
import pytest

from classifier import Classifier, InputError, Label, Limits, Policy, cli, features, segment, sites
from classifier.decide import REPEATED_FROM, Mark
from classifier.drift import FEWEST, jumps
from classifier.gather import Sightings, observe
from classifier.result import Result
from classifier.schema import LABELS, LANGUAGES, LAYOUTS, PRESETS, Decider, Segments
from classifier.sites import LEAST_DOCUMENTS, Profiles, SiteProfile, digests, host

HIGH = {
    name: {layout: {language: dict.fromkeys(LABELS[1:], 0.5 if name == "thorough" else 0.9) for language in LANGUAGES}
           for layout in LAYOUTS}
    for name in PRESETS
}  # fmt: skip
NOUNS = "harbour bridge council market school library river theatre station museum garden hospital lighthouse ferry".split()
FOOTER = "Evening walks from the old pier, ask at the desk 5"


def article(number):
    first, second, third = random.Random(number).sample(NOUNS, 3)
    return (
        f"The {first} reopened on Monday after {number + 2} days of repairs, the {second} office said in a statement.\n"
        f"Residents near the {third} had waited since spring, and the {second} will follow in autumn, officials said.\n"
    )


def result(parts, policy=None):
    """From (text, line, language, probabilities, marks) a segment."""
    texts, lines, languages, rows, marks = zip(*parts, strict=True)
    ends = np.cumsum([len(text) for text in texts]).tolist()
    scores = np.rint(np.array(rows) * 10_000).astype(np.uint16)
    cut = Segments(ends, list(lines), list(languages))
    return Result("".join(texts), cut, scores, np.array(marks, np.uint8), policy or Policy(), HIGH)


def decided(result):
    return [(span.kept, span.decided_by) for span in result.spans]


def digests_of(*texts):
    return digests(features.rows(texts, [segment.cut(text) for text in texts])).tolist()


# Names and digests


@pytest.mark.parametrize(
    ("named", "known"),
    [
        ("https://www.Example.org:8080/a?b", "example.org"),
        ("example.org", "example.org"),
        ("www.example.org/news", "example.org"),
        ("news.example.org.", "news.example.org"),
        ("Harbour Ledger", "harbour ledger"),
        ("https://[broken", "https://[broken"),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_site_is_known_by_its_host(named, known):
    assert host(named) == known


def test_a_digest_is_of_the_folded_text_with_runs_of_digits_as_one():
    same = digests_of("Page 3 of 12", " page  45 of ７\n", "PAGE\u200b 9 of 1")
    assert len(set(same)) == 1
    assert len(set(digests_of("扫码关注 3 次", "掃碼關注 45 次"))) == 1
    other = digests_of("Page 3 of 12", "Page 3 or 12", "Page of 3", "12 of page 3", "Page 3 of 12x", "", "Page 3  0 of 12")
    assert len(set(other)) == len(other)
    assert digests_of("", "\u200b") == [0]


# What repetition changes

UNSURE, SURE_, CONTENT = (0.25, 0.75, 0, 0), (0.05, 0.95, 0, 0), (0.9, 0.1, 0, 0)


@pytest.mark.parametrize(
    ("probabilities", "language", "mark", "expected"),
    [
        (UNSURE, 0, Mark.REPEATED, (False, Decider.SITE)),
        (UNSURE, 0, 0, (True, Decider.MODEL)),
        (UNSURE, 1, Mark.REPEATED, (True, Decider.MODEL)),
        ((0.15, 0.85, 0, 0), 1, Mark.REPEATED, (False, Decider.SITE)),
        (UNSURE, 2, Mark.REPEATED, (True, Decider.MODEL)),
        ((0.35, 0.65, 0, 0), 0, Mark.REPEATED, (True, Decider.MODEL)),
        (SURE_, 0, Mark.REPEATED, (False, Decider.MODEL)),
        (CONTENT, 0, Mark.REPEATED, (True, Decider.MODEL)),
        (UNSURE, 0, Mark.REPEATED | Mark.HELD, (True, Decider.RULE)),
        (UNSURE, 0, Mark.REPEATED | Mark.UNREAD, (True, Decider.LIMIT)),
    ],
)
def test_a_repeated_segment_needs_less_certainty_and_no_other(probabilities, language, mark, expected):
    assert decided(result([("Evening walks", 0, language, probabilities, mark)])) == [expected]
    assert 0.65 < REPEATED_FROM[0] <= 0.75 < REPEATED_FROM[1] <= 0.85


@pytest.mark.parametrize("sure", [0.34, 0.5, 0.999])
def test_content_is_never_removed_because_it_repeats(sure):
    row = (sure, 1 - sure, 0, 0) if sure >= 0.5 else (sure, 0.33, 0.33, 0)
    for preset in PRESETS:
        assert decided(result([("Evening walks", 0, 0, row, Mark.REPEATED)], Policy(preset)))[0] == (True, Decider.MODEL)


def test_a_label_that_is_kept_stays_and_one_that_is_never_removed_too():
    parts = [("Evening walks", 0, 0, UNSURE, Mark.REPEATED)]
    assert decided(result(parts, Policy(keep={"promo"}))) == [(True, Decider.MODEL)]
    assert decided(result(parts, Policy(thresholds={"promo": 1.1}))) == [(True, Decider.MODEL)]


def test_a_run_goes_only_when_all_of_it_repeats_and_no_span_moves():
    parts = [("Evening walks. ", 0, 0, UNSURE, Mark.REPEATED), ("Today at five.", 0, 0, UNSURE, 0)]
    mixed, whole = result(parts), result([(*part[:4], Mark.REPEATED) for part in parts])
    assert (decided(mixed), decided(whole)) == ([(True, Decider.MODEL)], [(False, Decider.SITE)])
    assert [span.end for span in mixed.spans] == [span.end for span in whole.spans] == [29]


# Profiles


@pytest.fixture(scope="module")
def labelled(clf):
    texts = [f"{article(n)}{FOOTER}{n}\n" for n in range(12)]
    return clf.label_many(texts)


def seen(results, name="tide.example"):
    return observe(results, [name] * len(results))


def test_what_enough_documents_hold_is_in_the_profile_and_nothing_else(labelled):
    few = seen(labelled[: LEAST_DOCUMENTS - 1])
    assert few.profiles().sites == {}
    profile = seen(labelled).profiles().sites["tide.example"]
    (footer,) = digests_of(FOOTER)
    assert profile.repeated[footer] == 12
    own = [set(digests_of(article(n))) for n in range(12)]
    assert all(sum(digest in text for text in own) == times for digest, times in profile.repeated.items() if digest != footer)
    assert all(times >= LEAST_DOCUMENTS for times in profile.repeated.values())
    assert profile.documents == 12
    assert sum(profile.characters) == sum(len(result.text) for result in labelled)


def test_a_profile_is_the_same_in_any_order_and_grouping(labelled):
    whole = seen(labelled).profiles()
    for seed in range(5):
        order = random.Random(seed).sample(labelled, len(labelled))
        left, right = seen(order[:5]), Sightings()
        right.add(seen(order[9:]))
        right.add(seen(order[5:9]))
        left.add(right)
        assert left.profiles() == whole


def test_a_document_that_is_there_twice_counts_once(labelled):
    assert seen(labelled[:2] * 3).profiles().sites["tide.example"].repeated == {}


def test_what_is_held_is_bounded_and_the_bound_is_the_same_in_any_order(monkeypatch, labelled):
    monkeypatch.setattr(sites, "HELD", 9)
    monkeypatch.setattr(sites, "FEWEST", 2)
    found = []
    for seed in range(6):
        added = Sightings()
        for number, one in random.Random(seed).sample(list(enumerate(labelled)), len(labelled)):
            added.add(observe([one], [f"s{number % 3}.example"]))
        assert sum(min(len(site.held), added.most) for site in added.seen.values()) <= 9
        found.append((added.most, added.profiles()))
    assert all(one == found[0] for one in found)
    assert found[0][0] == 2


def test_many_sites_are_bounded_and_the_largest_stay(monkeypatch, labelled):
    monkeypatch.setattr(sites, "SITES", 3)
    added = Sightings()
    for number in range(20):
        added.add(observe([labelled[number % 12], labelled[0]], [f"s{number}.example", "large.example"]))
    assert len(added.seen) <= 6
    assert added.seen["large.example"].counts[0] == 20


def test_profiles_of_other_documents_are_added(labelled):
    first, second = seen(labelled[:6]).profiles(), seen(labelled[6:]).profiles()
    other = seen(labelled[6:], "bay.example").profiles()
    merged = first.merged(second)
    assert merged == second.merged(first)
    (footer,) = digests_of(FOOTER)
    assert merged.sites["tide.example"].repeated[footer] == 12
    whole = seen(labelled).profiles().sites["tide.example"]
    assert replace(merged.sites["tide.example"], repeated={}) == replace(whole, repeated={})
    assert set(first.merged(other).sites) == {"tide.example", "bay.example"}


@pytest.mark.parametrize("name", ["sites.json", "sites.json.gz"])
def test_profiles_come_back_from_a_file_with_the_same_bytes_each_time(tmp_path, labelled, name):
    before = seen(labelled).profiles()
    before.write(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    after = Profiles.read(tmp_path / name)
    assert (after.sites, len(after.digest)) == (before.sites, 64)
    after.write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == data
    assert FOOTER[:5].encode() not in (gzip.decompress(data) if name.endswith("gz") else data)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def broken(change):
    def apply(good):
        made = json.loads(good)
        change(made)
        return json.dumps(made).encode()

    return apply


def of_site(**changes):
    return broken(lambda made: made["sites"]["tide.example"].update(changes))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda _: b"", "is no file of profiles"),
        (lambda good: good[:-40], "is no file of profiles"),
        (lambda _: b"[1]", "format is"),
        (lambda _: b"[" * 100_000, "is no file of profiles"),
        (lambda good: gzip.compress(good)[:-9], "cannot read the profiles"),
        (broken(lambda made: made.update(format=9)), "format is 9, this version needs 1: make it again with"),
        (broken(lambda made: made.update(features="0")), "features is 0"),
        (broken(lambda made: made.update(labels=["content"])), "labels is"),
        (broken(lambda made: made.pop("sites")), "is damaged"),
        (broken(lambda made: made.update(sites=[])), "is damaged"),
        (of_site(documents=0), "is damaged"),
        (of_site(documents=True), "is damaged"),
        (of_site(sums=[1, 2, 3]), "is damaged"),
        (of_site(squares=[1, 2, 3, -4]), "is damaged"),
        (of_site(characters=[1, 2, 3, 4.0]), "is damaged"),
        (of_site(repeated={"xyz": 3}), "is damaged"),
        (of_site(repeated={"1" * 17: 3}), "is damaged"),
        (of_site(repeated={"1f": "3"}), "is damaged"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path, labelled, damage, says):
    file = tmp_path / "sites.json"
    seen(labelled).profiles().write(file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(InputError, match=says):
        Profiles.read(file)


def test_a_file_of_profiles_has_a_largest_size(tmp_path, monkeypatch, labelled):
    seen(labelled).profiles().write(tmp_path / "sites.json.gz")
    monkeypatch.setattr(sites, "_LARGEST", 100)
    with pytest.raises(InputError, match="is larger than 100 bytes"):
        Profiles.read(tmp_path / "sites.json.gz")


def test_a_file_that_is_not_there_or_cannot_be_written_is_named(tmp_path, labelled):
    with pytest.raises(InputError, match=r"cannot read the profiles .*no\.json"):
        Classifier.load(profiles=tmp_path / "no.json")
    with pytest.raises(InputError, match="cannot write"):
        seen(labelled).profiles().write(tmp_path / "no" / "sites.json")


# In the classifier


@pytest.fixture(scope="module")
def knowing(clf, labelled):
    return Classifier(clf._stored, Policy(), Limits(), profiles=seen(labelled).profiles())


def test_only_documents_of_a_known_site_are_marked_and_probabilities_stay(clf, knowing):
    text = f"{article(99)}{FOOTER}7"
    plain = clf.label(text)
    for site, marked in (("https://www.tide.example/99", True), ("bay.example", False), (None, False)):
        found = knowing.label(text, site)
        assert (found.probabilities == plain.probabilities).all()
        assert bool(found.marks[-1] == Mark.REPEATED) is marked
        assert not found.marks[:-1].any()


def test_a_document_of_a_site_is_labelled_alike_alone_and_in_a_batch(knowing):
    texts = [f"{article(n)}{FOOTER}{n}" if n % 2 else "" for n in range(8)]
    named = ["tide.example" if n % 3 else None for n in range(8)]
    many = knowing.label_many(texts, named)
    alone = [knowing.label(*pair) for pair in zip(texts, named, strict=True)]
    assert [one.marks.tolist() for one in many] == [one.marks.tolist() for one in alone]
    assert any(one.marks.any() for one in many)


def test_a_footer_in_disguise_is_the_footer_that_repeats(clf, knowing):
    disguised = "\u200b".join(FOOTER).replace("o", "\u043e") + "7"
    assert knowing.label(f"{article(99)}{disguised}", "tide.example").marks[-1] == Mark.REPEATED
    (footer,) = digests_of(FOOTER)
    results = clf.label_many([f"{article(n)}{disguised}" for n in range(LEAST_DOCUMENTS)])
    assert footer in seen(results).profiles().sites["tide.example"].repeated


def test_a_pickled_classifier_keeps_its_profiles(knowing):
    again = pickle.loads(pickle.dumps(knowing))
    assert again.profiles == knowing.profiles
    assert again.get_params()["profiles"] == knowing.profiles


# Drift


def counts(documents, promo, spread, seed):
    """`sites.counts` of documents whose share of promo is about so much, summed."""
    dice = np.random.default_rng(seed)
    total = np.zeros(1 + 3 * len(LABELS), np.int64)
    for _ in range(documents):
        share = int(np.clip(dice.normal(promo, spread), 0, 1) * 1000)
        scores = np.array([[10_000, 0, 0, 0], [0, 10_000, 0, 0]], np.uint16)
        total += sites.counts(np.array([1000 - share, share]), scores)
    return total.tolist()


def known(documents, promo, spread, name="tide.example"):
    return Profiles({name: SiteProfile.of(counts(documents, promo, spread, 1), {})})


def test_a_site_whose_layout_changed_is_named_with_its_label():
    (jump,) = jumps({"tide.example": counts(60, 0.4, 0.1, 2)}, known(200, 0.1, 0.1))
    assert (jump.site, jump.label, jump.documents_before, jump.documents_now) == ("tide.example", Label.PROMO, 200, 60)
    assert jump.now - jump.before == pytest.approx(0.3, abs=0.05)
    assert jump.deviation > 10


@pytest.mark.parametrize(
    ("documents", "promo", "spread"),
    [(60, 0.1, 0.1), (60, 0.17, 0.1), (FEWEST - 1, 0.9, 0.1), (FEWEST, 0.35, 0.45)],
    ids=["the same", "a small change", "too few documents", "documents that differ much among themselves"],
)
def test_a_site_with_ordinary_noise_is_not_named(documents, promo, spread):
    assert jumps({"tide.example": counts(documents, promo, spread, 3)}, known(200, 0.1, spread)) == []


def test_documents_that_are_all_alike_make_no_certainty():
    before, now = counts(FEWEST, 0.1, 0, 1), counts(FEWEST, 0.13, 0, 1)
    assert jumps({"tide.example": now}, Profiles({"tide.example": SiteProfile.of(before, {})})) == []


def test_a_site_without_a_profile_is_not_named():
    assert jumps({"bay.example": counts(60, 0.9, 0.1, 2)}, known(200, 0.1, 0.1)) == []


# The commands


@pytest.fixture
def corpus(tmp_path):
    def write(name, texts, **fields):
        rows = [{"id": n, "url": f"https://tide.example/{n}", "text": text, **fields} for n, text in enumerate(texts)]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return tmp_path / name

    return write


def run(capfd, *arguments):
    status = cli.main([str(argument) for argument in arguments])
    return status, capfd.readouterr().err


def test_the_command_writes_what_the_library_gathers_with_any_number_of_workers(capfd, monkeypatch, tmp_path, corpus, clf):
    from classifier.corpus import pieces

    monkeypatch.setattr(pieces, "_PIECE", 2_000)
    texts = [f"{article(n)}{FOOTER}{n}" for n in range(40)]
    file = corpus("in.jsonl", texts)
    for workers in (1, 2):
        status, err = run(capfd, "profile", file, "--output", tmp_path / f"{workers}.json", "--workers", workers)
        assert (status, "40 documents: 1 sites" in err) == (0, True)
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    expected = seen(clf.label_many(texts)).profiles()
    assert Profiles.read(tmp_path / "1.json").sites == expected.sites
    run(capfd, "profile", file, "--output", tmp_path / "3.json", "--add", tmp_path / "1.json")
    assert Profiles.read(tmp_path / "3.json").sites == expected.merged(expected).sites


def test_documents_that_name_no_site_are_told_how_to(capfd, tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text(f"{article(number)}{FOOTER}", "utf-8")
    status, err = run(capfd, "profile", tmp_path, "--output", tmp_path / "sites.json")
    assert (status, "--site NAME" in err, (tmp_path / "sites.json").exists()) == (2, True, False)
    assert run(capfd, "profile", tmp_path, "--output", tmp_path / "sites.json", "--site", "Tide.example")[0] == 0
    assert list(Profiles.read(tmp_path / "sites.json").sites) == ["tide.example"]


def test_a_run_names_the_sites_that_drifted_on_one_line_and_in_its_reports(capfd, tmp_path, corpus):
    pitch = "Subscribe to our newsletter today! Follow us for more. Download our app now!\n" * 3
    before = corpus("before.jsonl", [article(n) for n in range(30)])
    after = corpus("after.jsonl", [article(n) + pitch for n in range(30, 60)])
    assert run(capfd, "profile", before, "--output", tmp_path / "sites.json")[0] == 0
    quiet = run(capfd, "clean", before, "--output", tmp_path / "same", "--profiles", tmp_path / "sites.json")
    assert quiet == (0, "")
    _, err = run(capfd, "clean", after, "--output", tmp_path / "out", "--profiles", tmp_path / "sites.json")
    (line,) = err.splitlines()
    assert line.startswith("classifier: sites that drifted from their profiles: tide.example (")
    (jump,) = json.loads((tmp_path / "out" / "report.json").read_bytes())["drift"]
    assert (jump["site"], jump["documents_before"], jump["documents_now"]) == ("tide.example", 30, 30)
    assert "Sites that drifted" in (tmp_path / "out" / "report.html").read_text("utf-8")
