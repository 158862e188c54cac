"""convariant geometry: sizes forward and inverse, transposed and effective windows, and solving."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Annotated, Any

import typer

from convariant import Geometry, OptionError
from convariant.cli._options import Json
from convariant.cli._output import line, print_json
from convariant.geometry import PaddingLike, solve

_PANEL = "Window (one number, or one for each axis: 3x5)"

Input = Annotated[str | None, typer.Option("--input", "-i", help="Input size, as 28x28.")]
Output = Annotated[str | None, typer.Option("--output", "-o", help="Output size, as 14x14.")]
Kernel = Annotated[str | None, typer.Option("--kernel", "-k", rich_help_panel=_PANEL)]
Stride = Annotated[str | None, typer.Option("--stride", "-s", rich_help_panel=_PANEL)]
Padding = Annotated[
    str | None,
    typer.Option(
        "--padding",
        "-p",
        help="1, 1x2, begin:end as 0:1x0:1, same, same_lower or valid.",
        rich_help_panel=_PANEL,
    ),
]
Dilation = Annotated[str, typer.Option("--dilation", "-d", rich_help_panel=_PANEL)]
Extra = Annotated[str | None, typer.Option("--output-padding", rich_help_panel=_PANEL)]
Transposed = Annotated[
    bool, typer.Option("--transposed", "-t", help="Transposed convolution.", rich_help_panel=_PANEL)
]
Ceil = Annotated[bool, typer.Option("--ceil-mode", help="As in pooling.", rich_help_panel=_PANEL)]


def geometry(
    input: Input = None,
    output: Output = None,
    kernel: Kernel = None,
    stride: Stride = None,
    padding: Padding = None,
    dilation: Dilation = "1",
    output_padding: Extra = None,
    transposed: Transposed = False,
    ceil_mode: Ceil = False,
    json: Json = False,
) -> None:
    """Sizes of convolution, transposed convolution and pooling.

    With --input: the output size, and the transposed window that leads back. With --output: which
    inputs give it. With both: the windows that lead from one to the other; what is given is kept.

    Example: convariant geometry --kernel 3 --stride 2 --padding 1 --input 6x6

    Example: convariant geometry --input 6x6 --output 3x3 --stride 2
    """
    given, wanted = read_numbers("--input", input), read_numbers("--output", output)
    if given and wanted:
        found = solve(
            given,
            wanted,
            kernel_size=read_numbers("--kernel", kernel),
            stride=read_numbers("--stride", stride),
            padding=read_numbers("--padding", padding),
            dilation=read_numbers("--dilation", dilation) or 1,
            output_padding=read_numbers("--output-padding", output_padding),
            transposed=transposed,
        )
        answer: dict[str, Any] = {"windows": [describe(window) for window in found]}
    elif not given and not wanted:
        raise OptionError("geometry needs --input, --output or both, such as --input 28x28")
    elif kernel is None:
        raise OptionError("geometry needs --kernel to find one size from the other")
    else:
        window = Geometry(
            read_numbers("--kernel", kernel) or 1,
            read_numbers("--stride", stride) or 1,
            read_padding(padding),
            read_numbers("--dilation", dilation) or 1,
            read_numbers("--output-padding", output_padding) or 0,
            transposed,
            ceil_mode,
        )
        answer = _forward(window, given) if given else _inverse(window, wanted or ())
    if json:
        print_json(answer)
    else:
        for text in _sentences(answer):
            line(text)


def read_numbers(option: str, text: str | None) -> tuple[int, ...] | None:
    """`'3x5' -> (3, 5)`, `'3' -> (3,)`, and None for an option that was not given.

    Raises: OptionError.
    """
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        raise OptionError(
            f"{option} is {text!r}; write one number, or one for each axis as 3x5"
        ) from None


def read_padding(text: str | None) -> PaddingLike:
    """A rule by name, numbers as `read_numbers` reads them, or `begin:end` for each axis.

    Raises: OptionError.
    """
    if text is None or text in ("same", "same_upper", "same_lower", "valid"):
        return text or 0
    if ":" not in text:
        return read_numbers("--padding", text) or 0
    try:
        pairs = [tuple(int(end) for end in part.split(":")) for part in text.lower().split("x")]
        return tuple((begin, end) for begin, end in pairs)
    except ValueError:
        raise OptionError(
            f"--padding is {text!r}; write begin:end for each axis, as 0:1x0:1"
        ) from None


def describe(window: Geometry) -> dict[str, Any]:
    """The window as plain values."""
    return {field.name: getattr(window, field.name) for field in fields(window)}


def _forward(window: Geometry, size: tuple[int, ...]) -> dict[str, Any]:
    """What a window makes of an input size, and the way back."""
    window = window.on_axes(len(size))
    output = window.output_size(size)
    answer: dict[str, Any] = {
        "window": describe(window),
        "input": size,
        "output": output,
        "inputs_with_this_output": _ranges(window, output),
        "padding_in_numbers": window.pads(size),
    }
    way = window if window.transposed else window.transpose(input_size=size)
    answer["convolution" if window.transposed else "transposed"] = describe(
        window.transpose() if window.transposed else way
    )
    answer["effective"] = asdict(way.effective(size if window.transposed else output))
    return answer


def _inverse(window: Geometry, size: tuple[int, ...]) -> dict[str, Any]:
    """Which inputs give an output size."""
    window = window.on_axes(len(size))
    return {"window": describe(window), "output": size, "inputs": _ranges(window, size)}


def _ranges(window: Geometry, output: tuple[int, ...]) -> list[list[int]]:
    """The smallest and the largest input on each axis."""
    return [[axis.start, axis.stop - 1] for axis in window.input_sizes(output)]


def _sentences(answer: dict[str, Any]) -> Iterator[str]:
    """The answer in words."""
    if "windows" in answer:
        for window in answer["windows"]:
            yield _window(window)
        return
    yield _window(answer["window"])
    if "inputs" in answer:
        yield f"output {_by(answer['output'])} comes from inputs {_spans(answer['inputs'])}"
        return
    spans = answer["inputs_with_this_output"]
    others = "" if all(a == b for a, b in spans) else f", as all inputs of {_spans(spans)} do"
    yield f"input {_by(answer['input'])} gives output {_by(answer['output'])}{others}"
    if isinstance(answer["window"]["padding"], str):
        yield f"padding in numbers: {_pairs(answer['padding_in_numbers'])}"
    if "transposed" in answer:
        yield f"the way back to {_by(answer['input'])} is a {_window(answer['transposed'])}"
    else:
        yield f"it is the gradient of a {_window(answer['convolution'])}"
    effective = answer["effective"]
    yield (
        f"in effect: {_by(effective['zeros_inserted'])} zeros between inputs, padding "
        f"{_pairs(effective['padding'])}, {_by(effective['extra'])} more at the end, then a "
        "convolution of stride 1"
    )


def _window(window: dict[str, Any]) -> str:
    kind = "transposed convolution" if window["transposed"] else "window"
    padding = window["padding"]
    parts = [
        f"{kind}: kernel {_by(window['kernel_size'])}",
        f"stride {_by(window['stride'])}",
        f"padding {padding if isinstance(padding, str) else _pairs(padding)}",
    ]
    if max(window["dilation"]) > 1:
        parts.append(f"dilation {_by(window['dilation'])}")
    if window["transposed"]:
        parts.append(f"output padding {_by(window['output_padding'])}")
    if window["ceil_mode"]:
        parts.append("ceil mode")
    return ", ".join(parts)


def _by(numbers: tuple[int, ...]) -> str:
    """`(3, 5) -> '3x5'`."""
    return "x".join(map(str, numbers))


def _spans(spans: list[list[int]]) -> str:
    """`[[5, 6], [7, 7]] -> '5..6 x 7'`."""
    return " x ".join(str(a) if a == b else f"{a}..{b}" for a, b in spans)


def _pairs(pairs: tuple[tuple[int, int], ...]) -> str:
    """`((1, 1), (0, 1)) -> '1x0:1'`: begin:end where they differ."""
    return "x".join(str(begin) if begin == end else f"{begin}:{end}" for begin, end in pairs)
