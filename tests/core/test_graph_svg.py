"""The diagram as SVG: every layer and every connection is in it, and nothing lies on anything else."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
import torch

from cnnviz.core.graph import Layer, LayerGraph
from cnnviz.core.graph_svg import graph_svg
from cnnviz.core.trace import prepare
from cnnviz.nets.registry import build

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def resnet():
    return prepare(build("resnet18", {}).eval(), torch.zeros(1, 3, 64, 64)).graph


def parsed(text):
    return ElementTree.fromstring(text.encode())


def boxes(root):
    found = {}
    for group in root.iter(f"{SVG}g"):
        if group.get("class") == "layer":
            rect = group.find(f"{SVG}rect")
            found[group.get("data-layer")] = [float(rect.get(key)) for key in ("x", "y", "width", "height")]
    return found


def test_all_layers_and_edges_are_in_it(resnet):
    root = parsed(graph_svg(resnet, "ResNet-18"))
    assert list(boxes(root)) == list(resnet.names)
    edges = [(path.get("data-from"), path.get("data-to")) for path in root.iter(f"{SVG}path") if path.get("class")]
    assert sorted(edges) == sorted((source, layer.name) for layer in resnet for source in layer.inputs)
    assert len(edges) > len(resnet)  # shortcuts


def test_numbers_of_each_layer_stand_in_its_box(resnet):
    root = parsed(graph_svg(resnet, "ResNet-18"))
    for group in root.iter(f"{SVG}g"):
        if group.get("class") != "layer":
            continue
        layer = resnet[group.get("data-layer")]
        words = [text.text or "" for text in group.iter(f"{SVG}text")]
        assert words[:2] == [layer.name, "×".join(map(str, layer.output_shape))]
        assert (f"{layer.parameters:,} weights" in words) == bool(layer.parameters)
    heading = root.find(f"{SVG}text").text
    assert f"{resnet.parameters:,} weights" in heading


def test_boxes_lie_apart_within_the_page_and_arrows_end_at_them(resnet):
    root = parsed(graph_svg(resnet, "ResNet-18"))
    width, height = float(root.get("width")), float(root.get("height"))
    found = boxes(root)
    below = 0.0
    for x, y, wide, tall in found.values():
        assert y >= below
        below = y + tall
        assert x >= 0
        assert x + wide <= width
    assert below <= height
    lanes = {}
    for path in root.iter(f"{SVG}path"):
        if path.get("class") != "edge":
            continue
        numbers = [float(each) for each in re.findall(r"-?[\d.]+", path.get("d"))]
        start, end = found[path.get("data-from")], found[path.get("data-to")]
        assert start[1] <= numbers[1] <= start[1] + start[3]
        if len(numbers) == 3:
            assert numbers[2] == pytest.approx(end[1] - 1, abs=0.2)
            continue
        outermost = max(numbers[index] for index in (2, 3, 5))
        assert outermost < width
        lanes.setdefault(outermost, []).append((numbers[1], end[1] + end[3] * 0.3))
    assert lanes
    for spans in lanes.values():
        spans.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_any_name_makes_a_document_that_can_be_read():
    odd = 'a<b>&"c\x00\ud800'
    graph = LayerGraph(
        (Layer("input", "Input", None, (), (1, 2, 2)), Layer(odd, "Odd", None, ("input",), (1,))), "hooks"
    )
    root = parsed(graph_svg(graph, odd))
    assert list(boxes(root)) == ["input", 'a<b>&"c��']
