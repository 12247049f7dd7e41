"""The model card, rendered from the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from classifier.schema import LABELS, LANGUAGES
from training import evaluate


def render(manifest: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    made = manifest["training"]
    lines = [
        "# Model card",
        "",
        "Labels segments of scraped text as content, promo, legal or navigation, in English and Chinese.",
        "Two stages: linear heads, one a language and one more for its pages, on hashed character n-grams",
        "(orders 1 to 5), then small networks, one for pages and one for all else, on the scores, shape and",
        "position of a segment and its surroundings, distilled from gradient boosting.",
        "Rendered by `training/card.py` from `manifest.json`; do not edit.",
        "",
        "## Fitted on",
        "",
        f"{made['documents']:,} annotated documents of {made['sites']:,} sites. Labelled segments: "
        + ", ".join(f"{count:,} {label}" for label, count in sorted(made["segments"].items()))
        + ".",
        f"{made['picked']:,} of these labels, of texts that an earlier model was unsure of, were given by language models",
        "that read the documents under the data's own guide (`training/README.md`): they are fitted on, but",
        "probabilities are not calibrated on them.",
        f"Beside them {made['own']:,} texts written for this project, and {made['rearranged']:,} documents rearranged",
        "from the annotated ones as scrapers leave them (second stage only).",
        "",
        "| file | SHA-256 |",
        "|---|---|",
        *(f"| {name} | `{digest}` |" for name, digest in made["data"].items()),
        "",
        "Settings: " + ", ".join(f"{name} {value}" for name, value in made["settings"].items()) + ".",
        "Made with " + ", ".join(f"{name} {value}" for name, value in made["versions"].items()) + ".",
        "",
        "## Thresholds",
        "",
        "A label is removed when the probability of not being content reaches its threshold; above 1, never.",
        "Chosen on out-of-fold predictions, folds by site: `careful` loses at most 0.5 % of content",
        "characters of a language and layout, `balanced` 2 %, `thorough` makes the fewest errors. `other` takes",
        "the cautious values of the two languages, because no annotated text of it was seen.",
        "",
        "| preset | layout | language | " + " | ".join(label.value for label in LABELS[1:]) + " |",
        "|---|---|---|" + "---|" * (len(LABELS) - 1),
    ]
    for preset, layouts in manifest["thresholds"].items():
        for layout, of_layout in layouts.items():
            for language in LANGUAGES:
                cells = " | ".join(f"{of_layout[language][label]:.3f}" for label in LABELS[1:])
                lines.append(f"| {preset} | {layout} | {language} | {cells} |")
    if manifest["figures"]:
        suites = manifest["figures"]["suites"]
        lines += ["", "## Figures on sites outside the fit", "", "```", evaluate.table(suites), "```", ""]
        lines += ["`lost`: content characters removed by `balanced`; `kept`: boilerplate that it keeps.", ""]
        lines += [f"Measured on {name}, SHA-256 `{digest}`." for name, digest in manifest["figures"]["data"].items()]
    if "kinds_fitted" in manifest:
        fitted = manifest["kinds_fitted"]
        lines += [
            "",
            "## Kinds",
            "",
            f"Labels that were added, each a kind of one of the four, fitted on {fitted['documents']:,} documents. In",
            "segments of documents that were left out in turn, given their label; `stated` is the mean probability of",
            "what is called so:",
            "",
            "| kind | of | segments | precision | recall | stated |",
            "|---|---|---|---|---|---|",
        ]
        for name, row in fitted["figures"].items():
            numbers = " | ".join(f"{row[key]:.3f}" for key in ("precision", "recall", "stated"))
            lines.append(f"| {name} | {row['label']} | {row['segments']} | {numbers} |")
        lines += ["", *(f"Fitted on {name}, SHA-256 `{digest}`." for name, digest in fitted["data"].items())]
    lines += [
        "",
        "## Limits",
        "",
        "Text in other languages is labelled by a head fitted on English and Chinese, marked `other` and kept",
        "when unsure. Promo is the hardest class: calm sentences of sponsored articles pass for content.",
        "",
    ]
    return "\n".join(lines)
