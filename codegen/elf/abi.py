"""Structs whose layout is part of a kernel interface or of a protocol, so the same in every kernel.

Generated from the BTF of Linux 6.18; unions and structs without a name are flattened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """``size`` in bytes; ``members``: name -> (offset, size) in bits."""

    size: int
    members: Mapping[str, tuple[int, int]]


_TABLE = """
xdp_md 24 data@0+32 data_end@32+32 data_meta@64+32 ingress_ifindex@96+32 rx_queue_index@128+32
    egress_ifindex@160+32
ethhdr 14 h_dest@0+48 h_source@48+48 h_proto@96+16
vlan_hdr 4 h_vlan_TCI@0+16 h_vlan_encapsulated_proto@16+16
iphdr 20 ihl@0+4 version@4+4 tos@8+8 tot_len@16+16 id@32+16 frag_off@48+16 ttl@64+8 protocol@72+8
    check@80+16 saddr@96+32 daddr@128+32 addrs@96+64
ipv6hdr 40 priority@0+4 version@4+4 flow_lbl@8+24 payload_len@32+16 nexthdr@48+8 hop_limit@56+8
    saddr@64+128 daddr@192+128 addrs@64+256
ipv6_opt_hdr 2 nexthdr@0+8 hdrlen@8+8
ipv6_rt_hdr 4 nexthdr@0+8 hdrlen@8+8 type@16+8 segments_left@24+8
frag_hdr 8 nexthdr@0+8 reserved@8+8 frag_off@16+16 identification@32+32
ip_auth_hdr 12 nexthdr@0+8 hdrlen@8+8 reserved@16+16 spi@32+32 seq_no@64+32 auth_data@96+0
ip_esp_hdr 8 spi@0+32 seq_no@32+32 enc_data@64+0
tcphdr 20 source@0+16 dest@16+16 seq@32+32 ack_seq@64+32 ae@96+1 res1@97+3 doff@100+4 fin@104+1 syn@105+1
    rst@106+1 psh@107+1 ack@108+1 urg@109+1 ece@110+1 cwr@111+1 window@112+16 check@128+16 urg_ptr@144+16
udphdr 8 source@0+16 dest@16+16 len@32+16 check@48+16
sctphdr 12 source@0+16 dest@16+16 vtag@32+32 checksum@64+32
icmphdr 8 type@0+8 code@8+8 checksum@16+16 un@32+32
icmp6hdr 8 icmp6_type@0+8 icmp6_code@8+8 icmp6_cksum@16+16 icmp6_dataun@32+32
arphdr 8 ar_hrd@0+16 ar_pro@16+16 ar_hln@32+8 ar_pln@40+8 ar_op@48+16
gre_base_hdr 4 flags@0+16 protocol@16+16
vxlanhdr 8 vx_flags@0+32 vx_vni@32+32
genevehdr 8 opt_len@0+6 ver@6+2 rsvd1@8+6 critical@14+1 oam@15+1 proto_type@16+16 vni@32+24 rsvd2@56+8 options@64+0
geneve_opt 4 opt_class@0+16 type@16+8 length@24+5 r3@29+1 r2@30+1 r1@31+1 opt_data@32+0
vlan_ethhdr 18 h_dest@0+48 h_source@48+48 addrs@0+96 h_vlan_proto@96+16 h_vlan_TCI@112+16
    h_vlan_encapsulated_proto@128+16
pppoe_hdr 6 type@0+4 ver@4+4 code@8+8 sid@16+16 length@32+16 tag@48+0
mpls_label 4 entry@0+32
igmphdr 8 type@0+8 code@8+8 csum@16+16 group@32+32
ipv6_sr_hdr 8 nexthdr@0+8 hdrlen@8+8 type@16+8 segments_left@24+8 first_segment@32+8 flags@40+8 tag@48+16
    segments@64+0
in_addr 4 s_addr@0+32
in6_addr 16 in6_u@0+128
bpf_fib_lookup 64 family@0+8 l4_protocol@8+8 sport@16+16 dport@32+16 tot_len@48+16 mtu_result@48+16 ifindex@64+32
    tos@96+8 flowinfo@96+32 rt_metric@96+32 ipv4_src@128+32 ipv6_src@128+128 ipv4_dst@256+32 ipv6_dst@256+128
    h_vlan_proto@384+16 h_vlan_TCI@400+16 tbid@384+32 mark@416+32 smac@416+48 dmac@464+48
bpf_devmap_val 8 ifindex@0+32 bpf_prog@32+32
bpf_cpumap_val 8 qsize@0+32 bpf_prog@32+32
bpf_spin_lock 4 val@0+32
"""
# struct name, bytes, then member@offset+size in bits


def _parse() -> dict[str, Layout]:
    layouts: dict[str, Layout] = {}
    for line in _TABLE.replace("\n    ", " ").strip().splitlines():
        name, size, *members = line.split()
        places: dict[str, tuple[int, int]] = {}
        for member in members:
            field, _, place = member.partition("@")
            offset, _, bits = place.partition("+")
            places[field] = int(offset), int(bits)
        layouts[name] = Layout(int(size), places)
    return layouts


LAYOUTS = _parse()
"""Struct name -> layout."""
