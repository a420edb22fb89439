// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {IJuniorShares} from "./interfaces/IJuniorShares.sol";
import {ILPVault} from "./interfaces/ILPVault.sol";
import {Wad} from "./types/Units.sol";

/// The token of the vault's junior class; the vault makes it, and alone issues and redeems.
contract JuniorShares is ERC20, IJuniorShares {
    address public immutable vault = msg.sender;

    modifier onlyVault() {
        if (msg.sender != vault) revert ILPVault.OnlyProtocol(msg.sender);
        _;
    }

    function name() public pure override returns (string memory) {
        return "Option pool junior share";
    }

    function symbol() public pure override returns (string memory) {
        return "OPJ";
    }

    function mint(address to, Wad shares) external onlyVault {
        _mint(to, shares.raw());
    }

    function take(address from, Wad shares) external onlyVault {
        _transfer(from, vault, shares.raw());
    }

    function burn(Wad shares) external onlyVault {
        _burn(vault, shares.raw());
    }
}
