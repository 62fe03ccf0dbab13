"""Cells of circuits, and frames of links."""

from gatepeer import cells, frames
from gatepeer.cells import BACKWARD, FOR_YOU, FORWARD, PASS_ON, Layer

from .files import Verdict, counting, entries


def check_cells(verdict: Verdict) -> None:
    for name, entry in entries("circuits", "layers"):
        layer = Layer(bytes.fromhex(entry["root"]), entry["cipher"], entry["depth"])
        for way in (FORWARD, BACKWARD):
            verdict.compare(f"{name}, key {way}", layer.keys[way].hex(), entry[f"{way}_key"])
        for index, body in enumerate(entry["bodies"]):
            made = layer.seal(
                counting(cells.BODY_BYTES, body["body_counts_from"]), body["flag"], body["direction"])
            verdict.compare(f"{name}, body {index}", made.hex(), body["sealed"])
    layers: list[Layer] = []
    for name, entry in entries("circuits", "forward"):
        layers = layers if entry["number"] else hops(entry)
        check_forward(verdict, name, entry, layers)
    for name, entry in entries("circuits", "backward"):
        layers = layers if entry["number"] else hops(entry)
        check_backward(verdict, name, entry, layers)
    for name, entry in entries("circuits", "plain"):
        content = counting(entry["content_bytes"], entry["content_counts_from"])
        made = cells.plain_cells(entry["circuit"], entry["kind"], entry["command"], content, entry["count"])
        verdict.compare(name, made.hex(), entry["cells"])
    for name, entry in entries("circuits", "extend"):
        made = cells.extend(bytes.fromhex(entry["record"]), entry["cell_count"], bytes.fromhex(entry["content"]))
        verdict.compare(name, made.hex(), entry["encoded"])


def hops(entry: dict) -> list[Layer]:
    return [
        Layer(bytes.fromhex(hop["root"]), hop["cipher"], entry["start_depth"] + index)
        for index, hop in enumerate(entry["hops"])]


def check_forward(verdict: Verdict, name: str, entry: dict, layers: list[Layer]) -> None:
    """The cell as the origin makes it, but for its random tail; then each hop's opening of it."""
    cell = bytes.fromhex(entry["cell"])
    head, body = cell[: cells.HEAD_BYTES], cell[cells.HEAD_BYTES :]
    region = cells.payload(
        entry["command"], entry["remaining"], bytes.fromhex(entry["content"]),
        cells.region_bytes(layers[-1].depth + 1))
    counters = [dict(layer.counters) for layer in layers]
    tail = body[cells.region_bytes(entry["start_depth"]) :]
    made = cells.head(entry["circuit"], cells.RELAY) + cells.wrapped(layers, region, entry["flag_of_last"], tail)
    verdict.compare(name, made.hex(), cell.hex())
    verdict.compare(f"{name}, head", cells.head(entry["circuit"], cells.RELAY), head)
    for layer, before in zip(layers, counters):
        after, layer.counters = layer.counters, before
        body, flag = layer.open(body, FORWARD)
        wanted = entry["flag_of_last"] if layer is layers[-1] else PASS_ON
        verdict.compare(f"{name}, hop at depth {layer.depth}", (flag, layer.counters), (wanted, after))
    verdict.compare(f"{name}, region", body.hex(), region.hex())


def check_backward(verdict: Verdict, name: str, entry: dict, layers: list[Layer]) -> None:
    """The hop's own region, then in the layers of those before it; the tail is what lay there."""
    body = counting(cells.BODY_BYTES, entry["body_counts_from"])
    for layer in reversed(layers[: entry["source"] + 1]):
        flag = FOR_YOU if layer is layers[entry["source"]] else PASS_ON
        body = layer.seal(body, flag, BACKWARD)
    verdict.compare(name, body.hex(), entry["body"])


def check_frames(verdict: Verdict) -> None:
    for name, entry in entries("link", "frames"):
        made = frames.frame(entry["type"], entry["stream"], bytes.fromhex(entry["body"]))
        verdict.compare(name, made.hex(), entry["encoded"])
