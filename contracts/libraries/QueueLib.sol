// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// A first-in-first-out queue of requests. A request is never moved: it is served or cancelled in place, and the head
/// passes over what is closed.
library QueueLib {
    struct Request {
        address lp; // zero once served or cancelled
        uint64 requestedAt;
        bool junior;
        uint256 amount; // what is left of it: quote of a deposit, shares of a withdrawal
    }

    struct Queue {
        uint128 head; // first that may still be open
        uint128 tail; // next index
        mapping(uint256 => Request) items;
    }

    function push(Queue storage self, address lp, uint256 amount, bool junior) internal returns (uint256 index) {
        index = self.tail++;
        self.items[index] = Request(lp, uint64(block.timestamp), junior, amount);
    }

    function open(Request storage self) internal view returns (bool) {
        return self.lp != address(0);
    }

    function close(Queue storage self, uint256 index) internal {
        delete self.items[index];
    }
}
