"""The catalogue of services that can be connected."""
