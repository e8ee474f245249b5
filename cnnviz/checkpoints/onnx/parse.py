"""From the bytes of an ONNX file to a plan; without torch and without the ONNX package.

What is not trusted is read here alone, with the standard library alone, so that a process of its own can do it.
"""

from ..inert.refusal import Refusal
from .parse_tensors import TensorParser, dtype_name
from .plan import Attribute, NodePlan, OnnxPlan, TensorPlan, ValuePlan
from .wire import Field, Message, signed

_MOST_NODES = 20_000
_MOST_TENSORS = 50_000
_MOST_NUMBERS = 1_000_000  # in all attributes together
_NUMBERS = 65_536  # in one attribute
_FIRST_IR_WITH_OPSETS = 3
_OWN_DOMAINS = ("", "ai.onnx")

# Numbers of the fields, as in onnx.proto.
_MODEL = {1: "ir_version", 2: "producer", 3: "producer version", 6: "description", 7: "graph", 8: "opset", 14: "entry"}
_GRAPH = {1: "node", 2: "name", 5: "tensor", 11: "input", 12: "output", 15: "sparse"}
_NODE = {1: "input", 2: "output", 3: "name", 4: "operator", 5: "attribute", 7: "domain"}


def parse(data: memoryview) -> OnnxPlan:
    """Read what an ONNX file says, without its weights.

    Raises
    ------
    Refusal
        It is damaged, or claims what cannot be.
    """
    return _Parser(data).model()


class _Parser:
    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._tensors = TensorParser(data)
        self._numbers = _MOST_NUMBERS

    def model(self) -> OnnxPlan:
        message = Message(self._data, 0, len(self._data))
        ir_version, opset, producer = 0, None, []
        metadata: dict[str, str] = {}
        graph: Message | None = None
        for field in message:
            match _MODEL.get(field.number):
                case "ir_version":
                    ir_version = signed(field.value)
                case "producer" | "producer version":
                    producer.append(message.text(field))
                case "description":
                    metadata["description"] = message.text(field, longest=1 << 20)
                case "entry":
                    key, value = self._entry(message.message(field))
                    metadata[key] = value
                case "opset":
                    domain, version = self._opset(message.message(field))
                    opset = version if domain in _OWN_DOMAINS else opset
                case "graph":
                    if graph is not None:
                        raise Refusal("it has two graphs")
                    graph = message.message(field)
        if graph is None or ir_version < 1:
            raise Refusal("it has no graph")
        if opset is None and ir_version >= _FIRST_IR_WITH_OPSETS:
            raise Refusal("it does not say which version of the operators it uses, as if it were cut short")
        return self._graph(graph, opset or 1, " ".join(filter(None, producer)), metadata)

    def _graph(self, graph: Message, opset: int, producer: str, metadata: dict[str, str]) -> OnnxPlan:
        nodes: list[NodePlan] = []
        tensors: list[TensorPlan] = []
        inputs: list[ValuePlan] = []
        outputs: list[ValuePlan] = []
        for field in graph:
            match _GRAPH.get(field.number):
                case "node":
                    nodes.append(self._node(graph.message(field)))
                case "tensor":
                    tensors.append(self._tensors.tensor(graph.message(field)))
                case "sparse":
                    tensors.append(self._tensors.sparse(graph.message(field)))
                case "input":
                    inputs.append(self._value(graph.message(field)))
                case "output":
                    outputs.append(self._value(graph.message(field)))
                case "name":
                    metadata.setdefault("graph", graph.text(field))
            if len(nodes) > _MOST_NODES or len(tensors) > _MOST_TENSORS or len(inputs) > _MOST_TENSORS:
                raise Refusal(f"it has more than {_MOST_NODES:,} nodes or {_MOST_TENSORS:,} tensors")
        if not nodes and not tensors:
            raise Refusal("its graph is empty")
        initialised = [tensor["name"] for tensor in tensors]
        given = [value for value in inputs if value["name"] not in set(initialised)]
        _check_order([value["name"] for value in given], initialised, nodes, [value["name"] for value in outputs])
        return OnnxPlan(
            opset=opset,
            producer=producer,
            metadata=metadata,
            inputs=given,
            outputs=outputs,
            nodes=nodes,
            tensors=tensors,
        )

    def _node(self, message: Message) -> NodePlan:
        node = NodePlan(name="", operator="", inputs=[], outputs=[], attributes={})
        domain = ""
        for field in message:
            match _NODE.get(field.number):
                case "input":
                    node["inputs"].append(message.text(field))
                case "output":
                    node["outputs"].append(message.text(field))
                case "name":
                    node["name"] = message.text(field)
                case "operator":
                    node["operator"] = message.text(field)
                case "domain":
                    domain = message.text(field)
                case "attribute":
                    name, value = self._attribute(message.message(field))
                    if name in node["attributes"]:
                        raise Refusal(f"a node has two attributes called '{_short(name)}'")
                    node["attributes"][name] = value
        if domain not in _OWN_DOMAINS:
            node["operator"] = f"{domain}.{node['operator']}"
        return node

    def _attribute(self, message: Message) -> tuple[str, Attribute]:
        name, integers, floats, texts = "", list[int](), list[float](), list[str]()
        value: Attribute = None
        for field in message:
            match field.number:
                case 1:
                    name = message.text(field)
                case 2:
                    value = self._floats(message, field)[0] if field.stop - field.start == 4 else None
                case 3:
                    value = signed(field.value)
                case 4:
                    value = message.text(field, longest=1 << 20)
                case 5:
                    value = self._tensors.tensor(message.message(field))
                case 7:
                    floats += self._floats(message, field)
                case 8:
                    integers += self._integers(message, field)
                case 9:
                    texts.append(message.text(field))
                    self._spend(1)
            if max(len(floats), len(integers), len(texts)) > _NUMBERS:
                raise Refusal(f"an attribute is longer than {_NUMBERS:,} numbers")
        # A list of no entries leaves no trace but its type; it is empty whichever type that is.
        return name, integers or floats or texts or ([] if value is None and _is_list(message) else value)

    def _floats(self, message: Message, field: Field) -> list[float]:
        found = message.floats(field, _NUMBERS)
        self._spend(len(found))
        return found

    def _integers(self, message: Message, field: Field) -> list[int]:
        found = message.integers(field, _NUMBERS)
        self._spend(len(found))
        return found

    def _spend(self, count: int) -> None:
        self._numbers -= count
        if self._numbers < 0:
            raise Refusal(f"its attributes hold more than {_MOST_NUMBERS:,} numbers")

    def _entry(self, message: Message) -> tuple[str, str]:
        texts = {field.number: message.text(field, longest=1 << 20) for field in message if field.number in (1, 2)}
        return texts.get(1, ""), texts.get(2, "")

    def _opset(self, message: Message) -> tuple[str, int]:
        domain, version = "", 0
        for field in message:
            if field.number == 1:
                domain = message.text(field)
            elif field.number == 2:
                version = signed(field.value)
        return domain, version

    def _value(self, message: Message) -> ValuePlan:
        value = ValuePlan(name="", dtype="", shape=None)
        for field in message:
            if field.number == 1:
                value["name"] = message.text(field)
            elif field.number == 2:
                kind = message.message(field)
                for part in kind:
                    if part.number == 1:  # a tensor, and no sequence, map or optional value
                        self._tensor_type(kind.message(part), value)
        return value

    def _tensor_type(self, message: Message, value: ValuePlan) -> None:
        for field in message:
            if field.number == 1:
                value["dtype"] = dtype_name(field.value)
            elif field.number == 2:
                shape = message.message(field)
                sizes = [self._size(shape.message(part)) for part in shape if part.number == 1]
                if len(sizes) > 16:
                    raise Refusal(f"'{_short(value['name'])}' has {len(sizes)} axes")
                value["shape"] = sizes

    def _size(self, message: Message) -> int | None:
        sizes = [signed(field.value) for field in message if field.number == 1]
        return sizes[-1] if sizes and sizes[-1] > 0 else None


def _is_list(message: Message) -> bool:
    """Whether the attribute says that it is a list: of numbers (6, 7) or of texts (8)."""
    return any(field.number == 20 and field.value in (6, 7, 8) for field in message)


def _check_order(inputs: list[str], tensors: list[str], nodes: list[NodePlan], outputs: list[str]) -> None:
    """Refuse names that are given twice, and nodes that read what no earlier one gives."""
    known: set[str] = {""}
    produced = {name for node in nodes for name in node["outputs"]}

    def add(name: str) -> None:
        if name and name in known:
            raise Refusal(f"two values are called '{_short(name)}'")
        known.add(name)

    for name in (*tensors, *inputs):
        add(name)
    for node in nodes:
        for name in node["inputs"]:
            if name not in known:
                why = "a later node gives, so that its nodes are not in order" if name in produced else "nothing gives"
                raise Refusal(f"a node ({_short(node['operator'])}) reads '{_short(name)}', which {why}")
        for name in node["outputs"]:
            add(name)
    for name in outputs:
        if name not in known:
            raise Refusal(f"nothing gives its output '{_short(name)}'")


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:57]}…"
