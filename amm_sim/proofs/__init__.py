"""Whole-chain proofs: what the contracts print beside an independent truth."""
