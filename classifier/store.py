"""A model folder to a model and back. The only module that touches joblib files.

manifest.json   format, labels, features, thresholds, figures, and a checksum of each file
model.joblib    a dict of plain numeric arrays, uncompressed so that workers share its pages
MODEL_CARD.md   rendered from the manifest, for people
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from joblib.numpy_pickle import NumpyUnpickler
from numpy.typing import NDArray

from classifier import features
from classifier.context import INPUTS
from classifier.kinds import COLUMNS, LANES, Kinds
from classifier.model import Model, Network
from classifier.schema import (
    LABELS,
    LANGUAGES,
    LAYOUTS,
    MOST_KINDS,
    PRESETS,
    InputError,
    Kind,
    Label,
    Limits,
    ModelDamaged,
    ModelError,
    ModelNotFound,
    ModelUnsupported,
)

FORMAT = 3
ARRAYS = "model.joblib"
MANIFEST = "manifest.json"
CARD = "MODEL_CARD.md"
# Arrays that a model has when it has kinds, called so behind `kinds_`. A version that knows no kinds refuses them.
_OF_KINDS = ("weights", "scale", "bias", "mix", "mix_scale", "mix_bias")

_EIGHT_BITS = np.uint64(0x00FF00FF00FF00FF)
_LARGEST = 1e6

# All that a dict of plain arrays needs; a file that names anything else is refused unread.
_ALLOWED = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A model with its manifest, as read from `folder`, and the kinds of its labels, if it has some."""

    model: Model
    manifest: Mapping[str, Any]
    folder: Path
    kinds: Kinds | None = None

    @property
    def known(self) -> tuple[Kind, ...]:
        """Its kinds by name; none where it has none."""
        return self.kinds.known if self.kinds else ()


def default_folder() -> Path:
    """Where the shipped model lies: inside an installed package, or at the top of a checkout."""
    here = Path(__file__).resolve().parent
    inside = here / "models" / "default"
    return inside if inside.is_dir() else here.parent / "models" / "default"


def load(folder: str | os.PathLike[str] | None = None, limits: Limits | None = None) -> Stored:
    """Reads and verifies a model folder; its arrays stay memory-mapped.

    Raises ModelNotFound where there is no model, ModelDamaged where a file differs from the
    manifest or holds what a model may not, ModelUnsupported where it was made for other code.
    """
    path = Path(folder) if folder is not None else default_folder()
    limits = limits or Limits()
    manifest = _manifest(path, limits)
    _supported(path, manifest)
    arrays = _arrays(path, manifest, limits)
    known = _known(path, manifest)
    own = {name: arrays.pop(f"kinds_{name}", np.zeros(0)) for name in _OF_KINDS} if known else {}
    return Stored(_model(path, arrays, manifest), manifest, path, _kinds(path, known, own) if known else None)


def _manifest(path: Path, limits: Limits) -> dict[str, Any]:
    file = path / MANIFEST
    try:
        raw = _read(file, limits)
    except FileNotFoundError:
        raise ModelNotFound(f"no model at {path}: {MANIFEST} is missing; pass a folder that training/train.py wrote") from None
    except OSError as error:
        raise ModelNotFound(f"cannot read {file}: {error.strerror}") from error
    try:
        manifest = json.loads(raw)
    except ValueError as error:
        raise ModelDamaged(f"{file} is no JSON ({error}): restore the folder or train again") from error
    if not isinstance(manifest, dict):
        raise ModelDamaged(f"{file} holds a {type(manifest).__name__}, not an object: restore the folder or train again")
    return manifest


def _supported(path: Path, manifest: Mapping[str, Any]) -> None:
    wanted: dict[str, Any] = {
        "format": FORMAT,
        "labels": [str(label) for label in LABELS],
        "languages": [str(language) for language in LANGUAGES],
        "fingerprint": features.fingerprint(),
    }
    for key, value in wanted.items():
        if manifest.get(key) != value:
            raise ModelUnsupported(
                f"{path / MANIFEST}: {key} is {manifest.get(key)!r}, this version needs {value!r}: "
                "train the model again, or install the version that made it"
            )
    try:
        for preset in PRESETS:
            for layout in LAYOUTS:
                for language in LANGUAGES:
                    for label in LABELS[1:]:
                        float(manifest["thresholds"][preset][layout][language][label])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelDamaged(f"{path / MANIFEST}: thresholds are incomplete ({error!r}): train again") from error


def checksum(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _read(file: Path, limits: Limits) -> bytes:
    with file.open("rb") as stream:
        raw = stream.read(limits.model_bytes + 1)
    if len(raw) > limits.model_bytes:
        raise ModelDamaged(f"{file} is larger than {limits.model_bytes} bytes: this is no model of this package")
    return raw


def _arrays(path: Path, manifest: Mapping[str, Any], limits: Limits) -> dict[str, NDArray[Any]]:
    file = path / ARRAYS
    try:
        digest = hashlib.sha256(_read(file, limits)).hexdigest()
    except OSError as error:
        raise ModelDamaged(f"cannot read {file}: {error.strerror}; restore the folder or train again") from error
    promised = manifest.get("sha256", {})
    promised = promised.get(ARRAYS) if isinstance(promised, dict) else None
    if digest != promised:
        raise ModelDamaged(
            f"{file} has checksum {digest[:16]}…, the manifest promises {str(promised)[:16]}…: restore the folder"
        )
    with file.open("rb") as stream:
        try:
            loaded = _PlainArrays(str(file), stream, ensure_native_byte_order=False, mmap_mode="r").load()
        except ModelError:
            raise
        except Exception as error:  # whatever a pickle can raise
            raise ModelDamaged(f"{file} cannot be read ({error}): restore the folder or train again") from error
    if not isinstance(loaded, dict) or not all(isinstance(a, np.ndarray) and a.dtype.kind in "iuf" for a in loaded.values()):
        raise ModelDamaged(f"{file} holds something other than named numeric arrays: restore the folder or train again")
    return loaded


class _PlainArrays(NumpyUnpickler):  # type: ignore[misc]
    """joblib's reader, which can build arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise ModelDamaged(f"{self.filename} asks for {module}.{name}, which no model needs: do not trust this file")
        return super().find_class(module, name)


def _model(path: Path, arrays: dict[str, NDArray[Any]], manifest: Mapping[str, Any]) -> Model:
    units = int(arrays["hidden_bias"].shape[-1]) if "hidden_bias" in arrays and arrays["hidden_bias"].ndim else 0
    count, labels = len(LANGUAGES), len(LABELS)
    bits = manifest.get("bucket_bits")
    if bits != features.BUCKET_BITS:
        raise ModelDamaged(
            f"{path / MANIFEST}: bucket_bits is {bits!r}, this version reads {features.BUCKET_BITS}: train again"
        )
    buckets = 1 << features.BUCKET_BITS
    shapes = {
        "weights": (count, buckets),
        "scale": (count,),
        "bias": (count, labels),
        "hidden": (count, INPUTS, units),
        "hidden_scale": (count, units),
        "hidden_bias": (count, units),
        "out": (count, units, labels),
        "out_scale": (count, labels),
        "out_bias": (count, labels),
    }
    found = {name: array.shape for name, array in arrays.items()}
    if found != shapes:
        wrong = sorted(name for name in shapes.keys() | found.keys() if shapes.get(name) != found.get(name))
        raise ModelDamaged(f"{path / ARRAYS}: {', '.join(wrong)} missing, unknown or of another shape than this version reads")
    networks = tuple(
        Network(**{field.name: np.asarray(arrays[field.name][row], _kind(field.name)) for field in fields(Network)})
        for row in range(count)
    )
    if not all(np.isfinite(arrays[name]).all() for name in shapes):
        raise ModelDamaged(f"{path / ARRAYS}: a weight is not finite; train again")
    # As plain arrays: still memory-mapped, without the cost of the subclass at every look.
    return Model(np.asarray(arrays["weights"]), np.asarray(arrays["scale"]), np.asarray(arrays["bias"]), networks)


def _kind(name: str) -> type[np.floating[Any]]:
    """The type that an array of the network has in memory: see `model.Network`."""
    return np.float32 if name.startswith("hidden") else np.float64


def _known(path: Path, manifest: Mapping[str, Any]) -> tuple[Kind, ...]:
    """What the manifest says of kinds: `[{"name": "recipe", "label": "content"}, …]`, or nothing."""
    try:
        known = tuple(Kind(str(entry["name"]), Label(entry["label"])) for entry in manifest.get("kinds", []))
        if len({kind.name for kind in known}) < len(known) or len(known) > MOST_KINDS:
            raise ValueError(f"{len(known)} kinds; at most {MOST_KINDS}, each once")
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
        raise ModelDamaged(f"{path / MANIFEST}: kinds are wrong ({error}): train again") from error
    return known


def _kinds(path: Path, known: tuple[Kind, ...], arrays: Mapping[str, NDArray[Any]]) -> Kinds:
    """The third stage from its arrays. Raises ModelDamaged where one is not what `kinds` relies on."""
    count = len(known)
    shapes = {
        "weights": (-(-count // LANES), 1 << features.BUCKET_BITS),
        "mix": (count, count * COLUMNS),
        **dict.fromkeys(("scale", "bias", "mix_scale", "mix_bias"), (count,)),
    }
    wrong = sorted(name for name in _OF_KINDS if arrays[name].shape != shapes[name])
    weights = arrays["weights"]
    if weights.dtype != np.uint64 or (not wrong and ((weights & ~_EIGHT_BITS).any() or weights[:, 0].any())):
        wrong.append("weights")
    small = {name: np.asarray(arrays[name], np.float64) for name in _OF_KINDS[1:]}
    # So bounded, sums of whole numbers are exact and no logit overflows.
    wrong += [name for name, array in small.items() if not (np.abs(array) <= _LARGEST).all()]
    if (small["mix"] != np.rint(small["mix"])).any():
        wrong.append("mix")
    if wrong:
        named = ", ".join(f"kinds_{name}" for name in sorted({*wrong}))
        raise ModelDamaged(f"{path / ARRAYS}: {named} missing, or not of the shape, type or size that kinds need: train again")
    return Kinds(known, np.asarray(weights), **small)


def save(
    folder: str | os.PathLike[str], model: Model, manifest: Mapping[str, Any], card: str, kinds: Kinds | None = None
) -> Path:
    """Writes a model folder beside its final place and renames it: the name exists when it is whole.

    manifest: everything but the format, labels, languages, fingerprint and checksums, which
    are added here. card: the text of the model card. kinds: of its labels, if it has some. Returns the folder.
    """
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        arrays: dict[str, NDArray[Any]] = {"weights": model.weights, "scale": model.scale, "bias": model.bias}
        for field in fields(Network):
            arrays[field.name] = np.stack([getattr(network, field.name) for network in model.networks])
        if kinds:
            arrays |= {f"kinds_{name}": getattr(kinds, name) for name in _OF_KINDS}
        joblib.dump({name: _compact(array) for name, array in arrays.items()}, staging / ARRAYS, compress=0)
        full = {
            "format": FORMAT,
            "labels": [str(label) for label in LABELS],
            "languages": [str(language) for language in LANGUAGES],
            "fingerprint": features.fingerprint(),
            "bucket_bits": model.bits,
            **({"kinds": [{"name": kind.name, "label": kind.label.value} for kind in kinds.known]} if kinds else {}),
            **manifest,
            "sha256": {ARRAYS: checksum(staging / ARRAYS)},
        }
        (staging / MANIFEST).write_text(json.dumps(full, indent=1, ensure_ascii=False) + "\n", "utf-8")
        (staging / CARD).write_text(card, "utf-8")
        staging.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
            target.rename(old / "model")
            staging.rename(target)
            shutil.rmtree(old)
        else:
            staging.rename(target)
    finally:
        if staging.exists():
            shutil.rmtree(staging)
    return target


def _compact(array: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers in the smallest signed type that holds them."""
    if array.dtype.kind == "f" and (array == np.rint(array)).all():
        for small in (np.int8, np.int16, np.int32):
            if np.abs(array).max(initial=0) <= np.iinfo(small).max:
                return np.array(array, small, order="C")
    # A fresh array of numpy's own dtype object: the same values then give the same bytes.
    return np.array(array, array.dtype.str, order="C")
