"""What a try is called at the switch."""

from __future__ import annotations

from uuid import UUID, uuid5

from dialer.channels.port import Order

NAMESPACE = UUID("6f0f5d0e-5f0b-4f57-9f6e-0c1a7d1e8a11")  #: of our calls' UUIDs


def call_id(order: Order) -> str:
    """Each try of an attempt by a trunk has its own."""
    return str(uuid5(NAMESPACE, f"{order.attempt_id} {order.trunk}".rstrip()))
