"""A model folder to a model and back. The only module that touches joblib.

manifest.json   format, labels, features, thresholds, figures, and checksums
model.joblib    a dict of plain numeric arrays, uncompressed so that workers share its pages
MODEL_CARD.md   rendered from the manifest, for people; never read

**What is read**: format 3, made for the labels, languages and features of this very version. The two files
may be links to regular files. A manifest without a checksum of itself is read as well: it was written before
there was one. **What is refused**: any other format, older or newer, as ModelUnsupported; everything else that
differs from what `save` writes as ModelDamaged. No other exception leaves `load`, and nothing that a file
holds can run, because nothing here unpickles: see `arrays`. A model whose labels have kinds holds arrays
`kinds_…` too, and names the kinds in its manifest; it is of the same format, and a version that knows no kinds
refuses it for arrays that it does not know.

**What the checksums promise**: a folder that was damaged is found. They do not say who wrote it: whoever
changes the arrays can write checksums that agree, and such a model labels as its author likes. It can
do no more: types, shapes and values are held to the bounds within which labelling is exact and raises nothing.

**While it is used**: the checksum is over the bytes that are parsed, and what is memory-mapped is compared with
them. A program that later writes into the file in place changes labels, for any 64 bits are a valid row of
weights, and one that shortens it kills its readers, as with any mapped file. `save` never does: it renames.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from classifier import arrays, context, features
from classifier import manifest as manifests
from classifier.context import INPUTS
from classifier.kinds import ARRAYS as OF_KINDS
from classifier.kinds import Kinds
from classifier.model import HIDDEN_LIMIT, HIDDEN_TOTAL, LARGEST, TABLES, Model, Network, is_packed
from classifier.schema import LABELS, LANGUAGES, Kind, Limits, ModelDamaged, ModelNotFound, ModelUnsupported

FORMAT = manifests.FORMAT
ARRAYS = "model.joblib"
MANIFEST = "manifest.json"
CARD = "MODEL_CARD.md"
_AGAIN = "restore the folder or train again"


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
    """Reads and verifies a model folder; its weights stay memory-mapped.

    Raises ModelNotFound where there is no model, ModelDamaged where a file differs from the
    manifest or holds what a model may not, ModelUnsupported where it was made for other code.
    """
    path = Path(folder) if folder is not None else default_folder()
    limits = limits or Limits()
    manifest = _manifest(path, limits)
    found = _arrays(path, manifest, limits)
    known = manifests.kinds(manifest)
    of_kinds = {name: found.pop(f"kinds_{name}", np.zeros(0)) for name in OF_KINDS} if known else {}
    return Stored(_model(path, found), manifest, path, _kinds(path, known, of_kinds) if known else None)


def _manifest(path: Path, limits: Limits) -> dict[str, Any]:
    file = path / MANIFEST
    try:
        with _open(file, min(manifests.MOST_BYTES, limits.model_bytes)) as stream:
            raw = _read(stream)
    except FileNotFoundError:
        raise ModelNotFound(f"no model at {path}: {MANIFEST} is missing; pass a folder that training/train.py wrote") from None
    except (OSError, ValueError) as error:  # a path may hold what no file system takes
        raise ModelNotFound(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
    try:
        manifest = manifests.parse(raw)
        manifests.supported(manifest, context.fingerprint())
        manifests.check(manifest, ARRAYS, MANIFEST, features.BUCKET_BITS)
    except ModelUnsupported as error:
        raise ModelUnsupported(f"{file}: {error}") from None
    except ValueError as error:
        raise ModelDamaged(f"{file} is not what this package writes: {error}; {_AGAIN}") from error
    return manifest


def checksum(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _open(file: Path, most: int) -> BinaryIO:
    """A regular file of so many bytes at most. Raises OSError, or ModelDamaged for anything else."""
    # Without waiting, or a pipe in the file's place would wait for a writer. Path.open() takes no opener.
    stream = open(file, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    found = os.fstat(stream.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_size <= most:
        return stream
    stream.close()
    what = f"larger than {most:,} bytes" if stat.S_ISREG(found.st_mode) else "no regular file"
    raise ModelDamaged(f"{file} is {what}: this is no model of this package")


def _read(stream: BinaryIO) -> bytes:
    return stream.read(os.fstat(stream.fileno()).st_size)  # not to its end, which some files do not have


def _arrays(path: Path, manifest: Mapping[str, Any], limits: Limits) -> dict[str, NDArray[Any]]:
    """The arrays by name, read-only, over the mapped file; nothing is known of their shapes and values yet."""
    file = path / ARRAYS
    try:
        with _open(file, limits.model_bytes) as stream:
            raw = _read(stream)
            digest, promised = hashlib.sha256(raw).hexdigest(), manifest["sha256"][ARRAYS]
            if digest != promised:
                raise ModelDamaged(f"{file} has checksum {digest[:16]}…, the manifest promises {promised[:16]}…: {_AGAIN}")
            places = arrays.places(raw)
            mapped = mmap.mmap(stream.fileno(), len(raw), access=mmap.ACCESS_READ)
    except OSError as error:
        raise ModelDamaged(f"cannot read {file}: {error.strerror}; {_AGAIN}") from error
    except ValueError as error:
        raise ModelDamaged(f"{file} cannot be read: {error}; {_AGAIN}") from error
    if mapped[:] != raw:
        raise ModelDamaged(f"{file} was changed while it was read: load it again")
    return {name: np.ndarray(place.shape, place.kind, mapped, place.offset) for name, place in places.items()}


def _model(path: Path, found: Mapping[str, NDArray[Any]]) -> Model:
    file = path / ARRAYS
    units = found["hidden_bias"].shape[-1] if "hidden_bias" in found and found["hidden_bias"].ndim else 0
    labels = len(LABELS)
    # Models from before there were tables for pages have one a language.
    count = len(LANGUAGES) if "scale" in found and found["scale"].shape == (len(LANGUAGES),) else len(TABLES)
    shapes = {
        "weights": (count, 1 << features.BUCKET_BITS),
        "scale": (count,),
        "bias": (count, labels),
        "hidden": (count, INPUTS, units),
        "hidden_scale": (count, units),
        "hidden_bias": (count, units),
        "out": (count, units, labels),
        "out_scale": (count, labels),
        "out_bias": (count, labels),
    }
    shaped = {name: array.shape for name, array in found.items()}
    if shaped != shapes:
        wrong = sorted(name for name in shapes.keys() | shaped.keys() if shapes.get(name) != shaped.get(name))
        raise ModelDamaged(
            f"{file}: {manifests.shown(wrong)} missing, unknown or of another shape than this version reads; {_AGAIN}"
        )
    if any((array.dtype == np.uint64) != (name == "weights") for name, array in found.items()):
        raise ModelDamaged(f"{file}: an array is of another type than this version reads; {_AGAIN}")
    # Copies, but for the weights: all else is small, and what is verified then cannot change any more.
    with np.errstate(over="ignore"):
        network = {field.name: found[field.name].astype(_kind(field.name)) for field in fields(Network)}
    model = Model(
        found["weights"],
        found["scale"].astype(np.float64),
        found["bias"].astype(np.float64),
        tuple(Network(**{name: array[row] for name, array in network.items()}) for row in range(count)),
    )
    if fault := _unsound(model):
        raise ModelDamaged(f"{file}: {fault}; {_AGAIN}")
    return model


def _unsound(model: Model) -> str:
    """What of a model's values breaks what `model` relies on; empty where nothing does."""
    if not is_packed(model.weights):
        return "a weight has more than 8 bits, or bucket 0 is not neutral"
    for network in model.networks:
        whole: list[NDArray[Any]] = [network.hidden, network.out]
        scales: list[NDArray[Any]] = [model.scale, network.hidden_scale, network.out_scale]
        small = [*scales, model.bias, network.hidden_bias, network.out_bias]
        if not all(np.isfinite(array).all() for array in whole + small):
            return "a number is not finite"
        if any((array != np.rint(array)).any() for array in whole):
            return "a weight of the network is no whole number"
        if any((array <= 0).any() for array in scales):
            return "a scale is not above 0"
        if any((np.abs(array) > LARGEST).any() for array in small):
            return f"a scale or bias is larger than {LARGEST:,.0f}"
        if np.abs(network.hidden).sum(0, np.float64).max(initial=0) > HIDDEN_TOTAL:
            return f"the weights of a hidden unit come to more than {HIDDEN_TOTAL}, beyond which sums are not exact"
        if np.abs(network.out).sum(0).max(initial=0) * HIDDEN_LIMIT > 2**53:
            return "the weights of a label are too large for exact sums"
    return ""


def _kind(name: str) -> type[np.floating[Any]]:
    """The type that an array of the network has in memory: see `model.Network`."""
    return np.float32 if name.startswith("hidden") else np.float64


def _kinds(path: Path, known: tuple[Kind, ...], found: Mapping[str, NDArray[Any]]) -> Kinds:
    try:
        return Kinds.of_arrays(known, found)
    except ValueError as error:
        raise ModelDamaged(f"{path / ARRAYS}: {error}; {_AGAIN}") from None


def save(
    folder: str | os.PathLike[str], model: Model, manifest: Mapping[str, Any], card: str, kinds: Kinds | None = None
) -> Path:
    """Writes a model folder beside its final place and renames it: the name exists when it is whole.

    manifest: everything but the format, labels, languages, fingerprint and checksums, which
    are added here. card: the text of the model card. kinds: of its labels, if it has some. Returns the folder.
    """
    import joblib  # only here, where a file is written: reading needs none of it

    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        columns: dict[str, NDArray[Any]] = {"weights": model.weights, "scale": model.scale, "bias": model.bias}
        for field in fields(Network):
            columns[field.name] = np.stack([getattr(network, field.name) for network in model.networks])
        if kinds:
            columns |= {f"kinds_{name}": getattr(kinds, name) for name in OF_KINDS}
        joblib.dump({name: _compact(column) for name, column in columns.items()}, staging / ARRAYS, compress=0)
        full: dict[str, Any] = {
            "format": FORMAT,
            "labels": [str(label) for label in LABELS],
            "languages": [str(language) for language in LANGUAGES],
            "fingerprint": context.fingerprint(),
            "bucket_bits": model.bits,
            **({"kinds": [{"name": kind.name, "label": kind.label.value} for kind in kinds.known]} if kinds else {}),
            **manifest,
            "sha256": {ARRAYS: checksum(staging / ARRAYS)},
        }
        full["sha256"][MANIFEST] = manifests.seal(json.loads(json.dumps(full, allow_nan=False)), MANIFEST)
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
    # A fresh array of numpy's own dtype object, which `np.array` would not give to one from another process: the same
    # values then give the same bytes.
    fresh = np.empty(array.shape, array.dtype.str)
    fresh[...] = array
    return fresh
