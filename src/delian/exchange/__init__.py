"""How releases leave: catalogue, offer, negotiation, transfer, credentials, bridges, key access.

May touch: values. Speaks the Dataspace Protocol 2025-1 and the Decentralized Claims Protocol; the
node hands in clock, randomness, keys, stores and the network.
"""
