"""What a NIC counts, under the names that Linux users know.

Those without ``xdp`` mean what struct rtnl_link_stats64 (include/uapi/linux/if_link.h) says; those with it are named
as drivers name theirs in ``ethtool -S``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class PortStatistics:
    """Frames, and bytes without FCS."""

    rx_packets: int = 0  # received and given to the program
    rx_bytes: int = 0
    rx_length_errors: int = 0  # too short or too long for this NIC
    rx_fifo_errors: int = 0  # lost because the receive queue was full: the datapath did not keep up
    rx_xdp_aborted: int = 0
    rx_xdp_drop: int = 0
    rx_xdp_pass: int = 0
    rx_xdp_tx: int = 0
    rx_xdp_redirect: int = 0
    rx_missed_errors: int = 0  # passed, but the host's queue was full
    rx_xdp_tx_full: int = 0  # XDP_TX into a full transmit queue
    rx_xdp_redirect_errors: int = 0  # redirected to where nothing is, or into a full queue
    rx_dropped: int = 0  # the sum of the last two: received, and lost behind the program
    host_packets: int = 0  # taken by the host
    host_bytes: int = 0
    tx_host_packets: int = 0  # the host wanted to send
    tx_packets: int = 0  # sent on the line
    tx_bytes: int = 0
    tx_xdp_xmit: int = 0  # of these, redirected from some port
    tx_dropped: int = 0  # lost because the transmit queue was full, whoever wanted to send

    def add(self, name: str) -> None:
        """One more frame for a counter."""
        setattr(self, name, getattr(self, name) + 1)

    def as_dict(self) -> dict[str, int]:
        """By name, in this order."""
        return asdict(self)


@dataclass
class QueueStatistics:
    """A CPU or socket that frames are redirected to."""

    packets: int = 0
    bytes: int = 0
    dropped: int = 0


DROPS = (
    "rx_length_errors",
    "rx_fifo_errors",
    "rx_xdp_aborted",
    "rx_xdp_drop",
    "rx_missed_errors",
    "rx_xdp_tx_full",
    "rx_xdp_redirect_errors",
)
"""A frame on the line that has one target and does not reach it is counted by exactly one of these. Of a broadcast,
each copy that is lost counts (rx_xdp_redirect_errors); one to no interface at all is no error, and in none of these."""
