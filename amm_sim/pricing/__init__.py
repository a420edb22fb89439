"""Float models: Black-76, SVI slices, the outside smile. Independent of the contracts."""
