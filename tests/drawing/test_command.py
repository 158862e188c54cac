"""convariant draw: one picture per call, and a sentence where the numbers do not fit."""

import pytest
from PIL import Image
from typer.testing import CliRunner

from convariant.cli._app import build


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda text: CliRunner().invoke(build(), ["draw", *text.split()])


def test_a_picture_gets_the_name_of_its_parameters(run, tmp_path):
    result = run("--input 5x5 --kernel 3 --stride 2 --padding 1")
    assert result.output == "conv_i5x5_k3x3_s2_p1.svg\n"
    assert (
        "Strided convolution 5 × 5 → 3 × 3" in (tmp_path / "conv_i5x5_k3x3_s2_p1.svg").read_text()
    )


@pytest.mark.parametrize(
    ("options", "name", "words"),
    [
        ("-i 3x3 -k 3 -s 2 -p 1 -t", "a.html", "Transposed convolution 3 × 3 → 5 × 5"),
        ("-i 3x3 -k 3 -t --view gradient", "a.svg", "As a gradient"),
        ("-i 4x4 -k 2 --pool max", "a.svg", "Max pooling 4 × 4 → 2 × 2"),
        ("-i 8 -k 3 -d 2 -p 4:0 --animated", "a.svg", "Dilated causal convolution 8 → 8"),
        ("-i 4x4 -k 3 --matrix", "a.svg", "Toeplitz matrix 4 × 16"),
        ("-i 5x5 -k 3 -g 3 --cell 2x0x0", "a.svg", "Depthwise convolution"),
        ("-i 5x5 -k 3 -p 1 --padding-mode circular --no-values", "a.svg", "padding 1 (circular)"),
    ],
)
def test_every_kind(run, tmp_path, options, name, words):
    result = run(f"{options} --out {name}")
    assert (result.exit_code, result.output) == (0, f"{name}\n")
    assert words in (tmp_path / name).read_text()


def test_pixels(run, tmp_path):
    assert run("-i 3x3 -k 2 --out a.gif --seconds 0.2 --scale 0.5").exit_code == 0
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.n_frames, image.info["duration"]) == (4, 200)
    assert run("-i 3x3 -k 2 --out a.png --dark").exit_code == 0
    with Image.open(tmp_path / "a.png") as image:
        assert max(image.getpixel((1, 1))) < 40


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--kernel 3", "draw needs --input and --kernel"),
        ("-i 4x4 -k 9", "Kernel size can't be greater than actual input size"),
        ("-i 9999x9999 -k 3", "would draw"),
        ("-i 4x4 -k 2 --pool max --matrix", "pooling has no matrix of weights"),
        ("-i 4x4 -k 2 --view front", "view='front' is none of"),
        ("-i 4x4 -k 2 --out a.bmp", "cannot be saved as 'a.bmp'"),
        ("-i 4x4 -k 2 --padding-mode mirror", "padding_mode must be one of"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_exit_code_2(run, options, sentence):
    result = run(options)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
