"""The inspection for programs: JSON with every figure, CSV with a row for each layer."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from convariant.analysis.inspection._result import Inspection, Layer, LayerField


def to_json(result: Inspection) -> str:
    """All figures; fractions as text, `1/2`."""
    return json.dumps(as_dict(result), indent=2)


def as_dict(result: Inspection) -> dict[str, Any]:
    """The inspection as plain data."""
    memory, count = result.memory, result.count
    return {
        "name": result.name,
        "input_sizes": result.input_sizes,
        "output_sizes": result.output_sizes,
        "params": result.params,
        "unused_params": result.unused_params,
        "macs": result.macs,
        "flops": result.flops,
        "bias": result.bias,
        "other": result.other,
        "intensity": result.intensity,
        "memory": {
            "peak_bytes": memory.peak,
            "peak_at": memory.where,
            "total_bytes": memory.total,
            "weight_bytes": memory.weights,
        },
        "receptive_field": _field(result.receptive_field),
        "count": {
            "convention": count.convention,
            "total": count.total,
            "extra": dict(count.extra),
            "line": count.line,
        },
        "status": dict(result.status),
        "notes": result.notes,
        "layers": [_layer(layer) for layer in result.layers],
    }


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "path": layer.path,
        "kind": layer.kind,
        "attributes": layer.attributes,
        "input_sizes": layer.input_sizes,
        "output_size": layer.output_size,
        "params": layer.params,
        "macs": layer.macs,
        "flops": layer.flops,
        "bias": layer.bias,
        "other": layer.other,
        "counted": layer.counted,
        "weight_bytes": layer.weight_bytes,
        "input_bytes": layer.input_bytes,
        "output_bytes": layer.output_bytes,
        "intensity": layer.intensity,
        "receptive_field": _field(layer.receptive_field),
        "status": layer.status,
    }


def _field(field: LayerField | None) -> dict[str, Any] | None:
    if field is None:
        return None
    return {
        "size": field.size,
        "smallest": field.smallest,
        "jump": [str(j) for j in field.jump],
        "offset": field.offset,
    }


def to_csv(result: Inspection) -> str:
    """One row for each layer; sizes joined by x."""
    columns = (
        "name", "path", "kind", "attributes", "output_size", "params", "macs", "flops", "bias",
        "other", "counted", "weight_bytes", "output_bytes", "intensity", "receptive_field",
        "status",
    )  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for layer in result.layers:
        row = _layer(layer) | {
            "output_size": "x".join(map(str, layer.output_size)),
            "receptive_field": str(layer.receptive_field or ""),
            "intensity": f"{layer.intensity:.3f}",
        }
        writer.writerow([row[c] for c in columns])
    return text.getvalue()
