"""Models' files, damaged in many ways, with and without a right sha256."""
import copy
import json
import struct

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn import dinosaur, jazz
from d2lrnn.basics import tensors
from d2lrnn.models.checkpoint import read, save_model, write
from mxnet import init
from power_cut import power_cut

from campaigns.loading import Loader, train


def write_training(folder):
    """Leave the checkpoint of a training that stopped in its 2nd epoch."""
    with power_cut(after=14):
        train(folder / "run", False, save_minutes=0)
    return folder / "run" / "last.safetensors"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of each kind, small and whole."""
    folder = tmp_path_factory.mktemp("whole")
    models = {"windows": d2l.WindowLSTM(3, 4, 0.5, 5),
              "jazz": jazz.djmodel(4, 3, 3)}
    for name, model in models.items():
        model.initialize(init.Normal(0.5))
        model.idx_to_char = ["a", "猫", "\n"]
        save_model(folder / name, model)
    ix_to_char = dinosaur.vocabulary(["zuul", "mei"])[0]
    rng, n = np.random.default_rng(1), len(ix_to_char)
    dinosaur.save(folder / "names", {
        name: rng.normal(size=shape) for name, shape in {
            "Wax": (3, n), "Waa": (3, 3), "Wya": (n, 3), "b": (3, 1),
            "by": (n, 1)}.items()}, ix_to_char)
    return {"training": write_training(folder), **{
        name: folder / name for name in ("windows", "jazz", "names")}}


def damage(rng, data):
    """Return bytes with one to three places flipped, cut, moved or put in."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        i, j = sorted(map(int, rng.integers(0, len(data) + 1, 2)))
        length = int(rng.integers(1, 40))
        match rng.integers(8):
            case 0 | 1:  # a bit
                data[min(i, len(data) - 1)] ^= 1 << int(rng.integers(8))
            case 2:
                del data[i:]
            case 3:
                del data[i:i + length]
            case 4:
                data[i:i] = rng.bytes(length)
            case 5:
                data[i:i + length] = bytes(len(data[i:i + length]))
            case 6:  # two regions in each other's place
                a, b = data[i:i + length], data[j:j + length]
                data[j:j + length], data[i:i + length] = a, b
            case 7:
                data += data[i:j]
        if not data:
            break
    return bytes(data)


STRANGE = [None, True, -1, 0, 1, 2, 10 ** 5, 10 ** 30, 1.5, float("nan"),
           float("inf"), "", "x", "a\nb", "\\ud800", "1" * 300, [], {}, [1],
           ["a"], {"a": 1}, [[[[]]]], "F64", "BF16", [0, 4], 2 ** 63]


def places(value):
    """Yield every container in a value of JSON, and each of its keys."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


def strange(rng, value):
    """Return a value of JSON with something in it replaced, or missing."""
    value = copy.deepcopy(value)
    for _ in range(rng.integers(1, 3)):
        found = list(places(value))
        if not found:
            break
        # of the containers first, since a vocabulary or a history has most
        holders = list({id(place): place for place, _ in found}.values())
        place = holders[rng.integers(len(holders))]
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = keys[int(rng.integers(len(keys)))]
        other, from_key = found[rng.integers(len(found))]
        match rng.integers(6):
            case 0:
                del place[key]
            case 1:
                place[key] = copy.deepcopy(other[from_key])
            case 2 if isinstance(place, dict):
                place["more"] = place[key]
            case 3 if isinstance(place, list):
                place.append(copy.deepcopy(place[key]))
            case _:
                place[key] = copy.deepcopy(
                    STRANGE[rng.integers(len(STRANGE))])
    return value


def strange_arrays(rng, arrays):
    """Return arrays one of which is missing, another, or of another kind."""
    arrays = dict(arrays)
    name = sorted(arrays)[rng.integers(len(arrays))]
    array = arrays[name].copy()
    match rng.integers(6):
        case 0:
            del arrays[name]
            return arrays
        case 1:
            arrays["model.more"] = array
        case 2:
            array.flat[rng.integers(array.size)] = rng.choice(
                [np.nan, np.inf, -np.inf])
        case 3:
            array = array.astype(rng.choice(["float16", "float64", "int32",
                                             "bool"]))
        case 4:
            array = array.reshape(-1)
        case 5:
            array = array[:1]
    arrays[name] = array
    return arrays


def craft(rng, kind, whole, path):
    """Write a file that is whole, has a right sha256, and strange content."""
    which = rng.integers(3)
    if which == 0:  # of the arrays' places, which no sha256 covers
        data = whole.read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        header = json.dumps(strange(rng, json.loads(data[8:8 + size])))
        path.write_bytes(struct.pack("<Q", len(header.encode()))
                         + header.encode() + data[8 + size:])
    elif kind == "names":
        arrays, text = tensors.read_tensors(whole, "file", lambda _: None)
        del text["sha256"]
        if which == 1:
            arrays = strange_arrays(rng, arrays)
        else:
            text["ix_to_char"] = json.dumps(strange(
                rng, [json.loads(text["ix_to_char"])])[:1])[1:-1]
        tensors.write_tensors(path, arrays, {
            **text, "sha256": tensors.digest(arrays, text)})
    else:
        arrays, metadata = read(whole)
        if which == 1:
            arrays = strange_arrays(rng, arrays)
        else:
            metadata = strange(rng, metadata)
        write(path, arrays, metadata)


@pytest.mark.process
@pytest.mark.campaign
def test_damaged_files(campaign, files, tmp_path):
    """Damaged model files: one sentence, or the same model as before.

    One with a right sha256 may be another model, which is what it says.
    """
    loader = Loader()
    whole = {name: loader.ask(name if name in ("names", "training") else
                              "model", path) for name, path in files.items()}
    assert all("loaded" in became for became in whole.values()), whole
    try:
        for n in campaign.tries(short=40, long=2000):
            name = list(files)[n % len(files)]
            path = tmp_path / "tried.safetensors"
            crafted = n % 8 < 4
            if crafted:
                craft(campaign.rng, name, files[name], path)
            else:
                path.write_bytes(damage(campaign.rng,
                                        files[name].read_bytes()))
            became = loader.ask(
                name if name in ("names", "training") else "model", path)
            if "refused" in became:
                campaign.became["refused"] += 1
            elif became == whole[name]:
                campaign.became["the same model"] += 1
            elif crafted and "diverged" in became:
                campaign.became["has diverged"] += 1
            elif crafted and "loaded" in became:
                campaign.became["the model that it says"] += 1
            else:
                campaign.failed(f"try {n}, {name}, "
                                f"{'crafted' if crafted else 'damaged'}: "
                                f"{became}")
    finally:
        loader.close()
