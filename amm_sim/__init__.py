"""A risk engine for a decentralised options AMM, on its real contracts."""
