"""Deploys contracts to the local chain and calls them, one transaction at a time."""

from __future__ import annotations

from typing import Any

from monitor.errors import LocalnetError
from monitor.localnet.artifacts import Artifact, ArtifactSource, Contract, multicall3_code
from monitor.localnet.control import Control, ControlError
from monitor.units import Address, Wei

ZERO_ADDRESS = Address("0x" + "00" * 20)
MULTICALL3 = Address("0xca11bde05977b3631167028862be2a173976ca11")
GAS = 16_000_000
"""For every transaction: an estimate would double the round trips."""


class Deployer:
    """Sends from accounts that the node signs for. Needs automine: a transaction is a block.

    Every method raises `LocalnetError` with the contract's own words when a call reverts.
    """

    def __init__(self, control: Control, find: ArtifactSource) -> None:
        self.control = control
        self.accounts = control.accounts()
        self.owner = self.accounts[0]
        self._find = find
        self._libraries: dict[str, Address] = {}

    def on(self, control: Control) -> Deployer:
        """The same hand on another chain."""
        return Deployer(control, self._find)

    def deploy(self, name: str, *args: Any) -> Contract:
        """Deploy by name, with the libraries that it needs (each once)."""
        return self.deploy_artifact(self._find(name), *args)

    def deploy_artifact(self, artifact: Artifact, *args: Any) -> Contract:
        """Deploy compiled code."""
        for library in artifact.links:
            if library not in self._libraries:
                self._libraries[library] = self.deploy(library).address
        receipt = self._send(
            {"from": self.owner, "data": artifact.creation(self._libraries, args)}, "deployment"
        )
        return Contract(Address(receipt["contractAddress"].lower()), artifact.abi)

    def at(self, name: str, address: str) -> Contract:
        """A contract that stands already, with the ABI of `name`."""
        return Contract(Address(address.lower()), self._find(name).abi)

    def send(
        self,
        contract: Contract,
        function: str,
        *args: Any,
        sender: Address | None = None,
        value: Wei | int = 0,
    ) -> dict[str, Any]:
        """Send a transaction and return its receipt."""
        request = transaction(contract, function, *args, sender=sender or self.owner, value=value)
        return self._send(request, function)

    def read(
        self,
        contract: Contract,
        function: str,
        *args: Any,
        block: str | int = "latest",
        overrides: dict[str, Any] | None = None,
    ) -> Any:
        """Call without a transaction: one value, or a tuple of several."""
        request = {"to": contract.address, "data": contract.data(function, *args)}
        tag = hex(block) if isinstance(block, int) else block
        answer = self.control.call("eth_call", request, tag, *([overrides] if overrides else []))
        return contract.decode(function, len(args), answer)

    def install_multicall3(self) -> None:
        """Put Multicall3 where it stands on every chain."""
        self.control.set_code(MULTICALL3, multicall3_code())

    def _send(self, request: dict[str, Any], what: str) -> dict[str, Any]:
        try:
            receipt = self.control.call("eth_sendTransactionSync", {"gas": hex(GAS), **request})
        except ControlError as error:
            raise LocalnetError(f"{what}: {error}") from error
        if receipt["status"] != "0x1":
            raise LocalnetError(f"{what} reverted: {self._reason(request, receipt)}")
        return receipt

    def _reason(self, request: dict[str, Any], receipt: dict[str, Any]) -> str:
        try:
            self.control.call("eth_call", request, receipt["blockNumber"])
        except ControlError as error:
            return str(error)
        return "no reason given"


def transaction(
    contract: Contract, function: str, *args: Any, sender: Address, value: Wei | int = 0
) -> dict[str, Any]:
    """A transaction request without gas and fees."""
    request = {"from": sender, "to": contract.address, "data": contract.data(function, *args)}
    return {**request, "value": hex(value)} if value else request
