"""Compiled contracts: where they are found, and how their calls are written and read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from eth_abi.abi import decode, encode
from eth_hash.auto import keccak

from monitor.errors import LocalnetError
from monitor.units import Address

_OWN = Path(__file__).parent / "contracts" / "compiled.json"


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of a function, as in ABI JSON."""

    type: str
    name: str = ""
    components: tuple[Parameter, ...] = ()

    @property
    def canonical(self) -> str:
        """The type as it stands in a signature: tuples written out."""
        if not self.type.startswith("tuple"):
            return self.type
        return f"({','.join(c.canonical for c in self.components)}){self.type[5:]}"


class Entry(msgspec.Struct, frozen=True):
    """A function, event, error or constructor, as in ABI JSON."""

    type: str
    name: str = ""
    inputs: tuple[Parameter, ...] = ()
    outputs: tuple[Parameter, ...] = ()

    @property
    def signature(self) -> str:
        """The name and its parameters' types."""
        return f"{self.name}({','.join(p.canonical for p in self.inputs)})"

    def encode(self, args: tuple[Any, ...]) -> bytes:
        """The arguments alone. A tuple may be given as a mapping by component name."""
        plain = [_plain(p, arg) for p, arg in zip(self.inputs, args, strict=True)]
        return encode([p.canonical for p in self.inputs], plain)


_CONSTRUCTOR = Entry("constructor")


@dataclass(frozen=True, slots=True)
class Contract:
    """A deployed contract and its ABI."""

    address: Address
    abi: tuple[Entry, ...]

    def entry(self, function: str, arguments: int) -> Entry:
        """A function by name and count of arguments, or by its full signature."""
        for entry in self.abi:
            if entry.type == "function" and (
                entry.signature == function or (entry.name == function and len(entry.inputs) == arguments)
            ):
                return entry
        raise LocalnetError(f"No function {function} with {arguments} arguments in the contract's ABI.")

    def data(self, function: str, *args: Any) -> str:
        """Call data in hex."""
        entry = self.entry(function, len(args))
        return "0x" + (keccak(entry.signature.encode())[:4] + entry.encode(args)).hex()

    def decode(self, function: str, arguments: int, answer: str) -> Any:
        """What a call returned: one value, or a tuple of several. Addresses are lower-case hex."""
        entry = self.entry(function, arguments)
        values = decode([p.canonical for p in entry.outputs], bytes.fromhex(answer[2:]))
        return values[0] if len(values) == 1 else values

    def topic(self, event: str) -> str:
        """Topic 0 of an event by name."""
        for entry in self.abi:
            if entry.type == "event" and entry.name == event:
                return "0x" + keccak(entry.signature.encode()).hex()
        raise LocalnetError(f"No event {event} in the contract's ABI.")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract. `links` are the places in the code, in bytes, that take a library's address."""

    abi: tuple[Entry, ...]
    code: str
    """Creation code in hex without 0x; placeholders where libraries go."""
    links: Mapping[str, tuple[int, ...]]

    def creation(self, libraries: Mapping[str, Address], args: tuple[Any, ...]) -> str:
        """Creation code with libraries and constructor arguments, in hex."""
        code = self.code
        for library, places in self.links.items():
            for place in places:
                code = code[: place * 2] + libraries[library][2:] + code[place * 2 + 40 :]
        constructor = next((e for e in self.abi if e.type == "constructor"), _CONSTRUCTOR)
        return "0x" + code + constructor.encode(args).hex()


ArtifactSource = Callable[[str], Artifact]
"""Finds an artifact by the contract's name; raises `LocalnetError`."""


class _Link(msgspec.Struct):
    start: int


_Links = dict[str, dict[str, list[_Link]]]


class _Bytecode(msgspec.Struct, rename="camel"):
    object: str
    link_references: _Links = {}


class _File(msgspec.Struct, rename="camel"):
    abi: tuple[Entry, ...]
    bytecode: str | _Bytecode
    link_references: _Links = {}


def parse_artifact(raw: bytes | str) -> Artifact:
    """An artifact file of Hardhat, Foundry or solc's standard output."""
    found = msgspec.json.decode(raw, type=_File)
    code, links = found.bytecode, found.link_references
    if isinstance(code, _Bytecode):
        code, links = code.object, code.link_references
    places = {
        library: tuple(link.start for link in where)
        for libraries in links.values()
        for library, where in libraries.items()
    }
    return Artifact(found.abi, code.removeprefix("0x"), places)


def folder_of_artifacts(folder: Path) -> ArtifactSource:
    """Hardhat artifacts under `folder`, by file name."""
    files = {
        p.stem: p for p in sorted(folder.rglob("*.json"), reverse=True) if not p.name.endswith(".dbg.json")
    }

    def find(name: str) -> Artifact:
        if name not in files:
            raise LocalnetError(f"{folder.name} has no compiled contract {name}.")
        return parse_artifact(files[name].read_bytes())

    return find


def own_artifact(name: str) -> Artifact:
    """One of our stand-ins: Feed, Shares, RatioAdapter, MarketOracle."""
    return parse_artifact(msgspec.json.encode(_own_contracts()[name]))


def multicall3_code() -> str:
    """The runtime code of Multicall3, in hex."""
    return _own_contracts()["Multicall3"]["runtime"]


def _own_contracts() -> dict[str, Any]:
    return msgspec.json.decode(_OWN.read_bytes())


def _plain(parameter: Parameter, value: Any) -> Any:
    """`value` as eth_abi wants it: contracts as addresses, hex as bytes, mappings as tuples in ABI order."""
    if isinstance(value, Contract):
        return value.address
    if parameter.type.startswith("bytes") and isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    if parameter.type.endswith("[]"):
        element = Parameter(parameter.type[:-2], parameter.name, parameter.components)
        return [_plain(element, one) for one in value]
    if parameter.type == "tuple" and isinstance(value, Mapping):
        return tuple(_plain(c, value[c.name]) for c in parameter.components)
    return value
