"""A report as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from kernel_server.inspect.report import GraphReport, SignatureReport, Tensor, VersionReport

MOST_OPERATIONS = 12
"""Kinds of operations that are told one by one."""


def to_text(report: VersionReport) -> str:
    """Several lines, the most general first."""
    return "\n".join(_lines(report))


def _lines(report: VersionReport) -> Iterator[str]:
    yield str(report.path)
    yield f"  {report.file_bytes:,} bytes in files, loaded in {report.load_seconds:.2f} s"
    if report.parameters:
        yield f"  {report.parameters:,} parameters"
    for graph in report.graphs:
        yield from _graph(graph)
    for name, signature in report.signatures.items():
        yield ""
        yield from _signature(name, signature)


def _graph(graph: GraphReport) -> Iterator[str]:
    yield (
        f"  graph with tags {', '.join(graph.tags) or 'none'}, by TensorFlow {graph.tensorflow_version}: "
        f"{sum(graph.operations.values())} operations of {len(graph.operations)} kinds"
    )
    told = [f"{name} {count}" for name, count in islice(graph.operations.items(), MOST_OPERATIONS)]
    more = ["..."] if len(graph.operations) > MOST_OPERATIONS else []
    yield f"    {', '.join(told + more)}"


def _signature(name: str, signature: SignatureReport) -> Iterator[str]:
    yield f"signature {name} ({signature.method_name or 'no method name'})"
    width = max(map(len, (*signature.inputs, *signature.outputs)), default=0)
    yield from _tensors("input", signature.inputs, width)
    yield from _tensors("output", signature.outputs, width)
    obstacle = signature.obstacle_to_batching
    yield "  requests can share a batch" if obstacle is None else f"  is not batched: {obstacle}"
    if signature.trials:
        yield f"  {'rows':>8} {'ms a run':>10} {'rows a second':>14}"
    for trial in signature.trials:
        rate = f"{1000 * trial.rows / trial.milliseconds:,.0f}" if trial.rows else "-"
        yield f"  {trial.rows or '-':>8} {trial.milliseconds:10.3f} {rate:>14}"
    if signature.trial_error is not None:
        yield f"  refuses made-up values: {signature.trial_error.splitlines()[0]}"


def _tensors(kind: str, tensors: Mapping[str, Tensor], width: int) -> Iterator[str]:
    for name, tensor in tensors.items():
        yield f"  {kind:6} {name:{width}}  {tensor.dtype} {_shape(tensor.shape)}"


def _shape(shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return "of any rank"
    return f"[{', '.join('?' if size < 0 else str(size) for size in shape)}]"
