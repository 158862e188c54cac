"""The Arithmetic tab without a browser: the facts are true, the line of code makes the sizes."""

import pytest
import torch

import convariant
from convariant.studio._windows import EXAMPLES, Settings, explain


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_show_a_picture_and_code_that_makes_the_sizes(name):
    settings = EXAMPLES[name]
    found = explain(settings)
    assert found.message == ""
    assert len(found.picture.tracks[0].steps) > 0
    assert_code_makes(found, settings)


def assert_code_makes(found, settings):
    module = eval(found.code, {"torch": torch, "convariant": convariant})
    y = module(torch.zeros(1, settings.in_channels, *settings.input_size))
    sizes = " × ".join(map(str, y.shape[2:]))
    assert found.facts["Forward"].endswith(f"→ {sizes}")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (
            Settings(stride=2, rule="same"),
            "convariant.nn.Conv2d(1, 1, kernel_size=3, stride=2, padding='same')",
        ),
        (Settings(rule="same"), "torch.nn.Conv2d(1, 1, kernel_size=3, padding='same')"),
        (
            Settings(padding=1, padding_end=0, kernel_width=1),
            "convariant.nn.Conv2d(1, 1, kernel_size=(3, 1), padding=((1, 0), (1, 0)))",
        ),
        (
            Settings("Transposed convolution", size=3, stride=2, rule="same_lower"),
            "convariant.nn.ConvTranspose2d(1, 1, kernel_size=3, stride=2, padding='same_lower')",
        ),
        (
            Settings("Mean pooling", size=6, kernel=2, dilation=2),
            "convariant.nn.Pool2d('mean', kernel_size=2, stride=1, dilation=2)",
        ),
        (
            Settings("Max pooling", size=5, kernel=2, stride=2, ceil_mode=True),
            "torch.nn.MaxPool2d(kernel_size=2, stride=2, ceil_mode=True)",
        ),
        (
            Settings("Max pooling", kernel=3, stride=2, padding=2),
            "convariant.nn.Pool2d('max', kernel_size=3, stride=2, padding=2)",
        ),
        (Settings(axes=1, rule="valid"), "torch.nn.Conv1d(1, 1, kernel_size=3)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_line_is_torch_where_torch_has_it(settings, code):
    found = explain(settings)
    assert found.code == code
    assert_code_makes(found, settings)


def test_facts_of_the_transposed_example():
    facts = explain(EXAMPLES["Transposed 3 × 3 → 6 × 6, output padding 1"]).facts
    assert facts == {
        "Forward": "3 × 3 → 6 × 6",
        "Inverse": "6 × 6 comes from 3 × 3",
        "Effective view": "1 zero between inputs, padding 1, 1 more at the end, stride 1",
        "Zero insertion": "4 times the products of the gradient view",
        "Cost": "81 products with 9 weights",
    }


def test_inverse_tells_both_inputs():
    facts = explain(Settings(stride=2, padding=1)).facts
    assert facts["Inverse"] == "3 × 3 comes from 5 to 6 × 5 to 6"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(size=3, kernel=5), "use an input of at least 5"),
        (Settings("Transposed convolution", output_padding=2), "output padding"),
        (Settings(in_channels=3, groups=2), "divisible by groups=2"),
        (Settings("Transposed convolution", size=12, kernel=7), "use a smaller input"),
        (Settings(size=12, in_channels=6, out_channels=6), "has 32,400 moving parts"),
        (Settings("Max pooling", padding_mode="circular"), "use padding_mode='zeros'"),
    ],
)
def test_numbers_that_do_not_fit_give_a_sentence_with_a_fix(settings, words):
    found = explain(settings)
    assert words in found.message
    assert found.picture is None
