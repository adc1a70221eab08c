"""Structs whose layout, and enums whose values, are part of a kernel interface or of a protocol, so the same in every
kernel.

Generated from the BTF of Linux 6.18; unions and structs without a name are flattened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..btf import Array, Btf, Int, Member, Struct, Type, Void

_TABLE = """
xdp_md 24: u32 data@0; u32 data_end@32; u32 data_meta@64; u32 ingress_ifindex@96; u32 rx_queue_index@128;
    u32 egress_ifindex@160
ethhdr 14: u8[6] h_dest@0; u8[6] h_source@48; u16 h_proto@96
vlan_hdr 4: u16 h_vlan_TCI@0; u16 h_vlan_encapsulated_proto@16
iphdr 20: u8 ihl@0/4; u8 version@4/4; u8 tos@8; u16 tot_len@16; u16 id@32; u16 frag_off@48; u8 ttl@64;
    u8 protocol@72; u16 check@80; u32 saddr@96; u32 daddr@128; iphdr.addrs addrs@96
ipv6hdr 40: u8 priority@0/4; u8 version@4/4; u8[3] flow_lbl@8; u16 payload_len@32; u8 nexthdr@48; u8 hop_limit@56;
    in6_addr saddr@64; in6_addr daddr@192; ipv6hdr.addrs addrs@64
ipv6_opt_hdr 2: u8 nexthdr@0; u8 hdrlen@8
ipv6_rt_hdr 4: u8 nexthdr@0; u8 hdrlen@8; u8 type@16; u8 segments_left@24
frag_hdr 8: u8 nexthdr@0; u8 reserved@8; u16 frag_off@16; u32 identification@32
ip_auth_hdr 12: u8 nexthdr@0; u8 hdrlen@8; u16 reserved@16; u32 spi@32; u32 seq_no@64; u8[0] auth_data@96
ip_esp_hdr 8: u32 spi@0; u32 seq_no@32; u8[0] enc_data@64
tcphdr 20: u16 source@0; u16 dest@16; u32 seq@32; u32 ack_seq@64; u16 ae@96/1; u16 res1@97/3; u16 doff@100/4;
    u16 fin@104/1; u16 syn@105/1; u16 rst@106/1; u16 psh@107/1; u16 ack@108/1; u16 urg@109/1; u16 ece@110/1;
    u16 cwr@111/1; u16 window@112; u16 check@128; u16 urg_ptr@144
udphdr 8: u16 source@0; u16 dest@16; u16 len@32; u16 check@48
sctphdr 12: u16 source@0; u16 dest@16; u32 vtag@32; u32 checksum@64
icmphdr 8: u8 type@0; u8 code@8; u16 checksum@16; icmphdr.un un@32
icmp6hdr 8: u8 icmp6_type@0; u8 icmp6_code@8; u16 icmp6_cksum@16; icmp6hdr.icmp6_dataun icmp6_dataun@32
arphdr 8: u16 ar_hrd@0; u16 ar_pro@16; u8 ar_hln@32; u8 ar_pln@40; u16 ar_op@48
gre_base_hdr 4: u16 flags@0; u16 protocol@16
vxlanhdr 8: u32 vx_flags@0; u32 vx_vni@32
genevehdr 8: u8 opt_len@0/6; u8 ver@6/2; u8 rsvd1@8/6; u8 critical@14/1; u8 oam@15/1; u16 proto_type@16;
    u8[3] vni@32; u8 rsvd2@56; u8[0] options@64
geneve_opt 4: u16 opt_class@0; u8 type@16; u8 length@24/5; u8 r3@29/1; u8 r2@30/1; u8 r1@31/1; u8[0] opt_data@32
vlan_ethhdr 18: u8[6] h_dest@0; u8[6] h_source@48; vlan_ethhdr.addrs addrs@0; u16 h_vlan_proto@96;
    u16 h_vlan_TCI@112; u16 h_vlan_encapsulated_proto@128
pppoe_hdr 6: u8 type@0/4; u8 ver@4/4; u8 code@8; u16 sid@16; u16 length@32; pppoe_tag[0] tag@48
mpls_label 4: u32 entry@0
igmphdr 8: u8 type@0; u8 code@8; u16 csum@16; u32 group@32
ipv6_sr_hdr 8: u8 nexthdr@0; u8 hdrlen@8; u8 type@16; u8 segments_left@24; u8 first_segment@32; u8 flags@40;
    u16 tag@48; in6_addr[0] segments@64
in_addr 4: u32 s_addr@0
in6_addr 16: in6_addr.in6_u in6_u@0
bpf_fib_lookup 64: u8 family@0; u8 l4_protocol@8; u16 sport@16; u16 dport@32; u16 tot_len@48; u16 mtu_result@48;
    u32 ifindex@64; u8 tos@96; u32 flowinfo@96; u32 rt_metric@96; u32 ipv4_src@128; u32[4] ipv6_src@128;
    u32 ipv4_dst@256; u32[4] ipv6_dst@256; u16 h_vlan_proto@384; u16 h_vlan_TCI@400; u32 tbid@384; u32 mark@416;
    u8[6] smac@416; u8[6] dmac@464
bpf_devmap_val 8: u32 ifindex@0; bpf_devmap_val.bpf_prog bpf_prog@32
bpf_cpumap_val 8: u32 qsize@0; bpf_cpumap_val.bpf_prog bpf_prog@32
bpf_spin_lock 4: u32 val@0
iphdr.addrs 8: u32 saddr@0; u32 daddr@32
ipv6hdr.addrs 32: in6_addr saddr@0; in6_addr daddr@128
icmphdr.un 4: icmphdr.un.echo echo@0; u32 gateway@0; icmphdr.un.frag frag@0; u8[4] reserved@0
icmp6hdr.icmp6_dataun 4: u32[1] un_data32@0; u16[2] un_data16@0; u8[4] un_data8@0; icmpv6_echo u_echo@0;
    icmpv6_nd_advt u_nd_advt@0; icmpv6_nd_ra u_nd_ra@0
vlan_ethhdr.addrs 12: u8[6] h_dest@0; u8[6] h_source@48
pppoe_tag 4: u16 tag_type@0; u16 tag_len@16; u8[0] tag_data@32
in6_addr.in6_u 16: u8[16] u6_addr8@0; u16[8] u6_addr16@0; u32[4] u6_addr32@0
bpf_devmap_val.bpf_prog 4: s32 fd@0; u32 id@0
bpf_cpumap_val.bpf_prog 4: s32 fd@0; u32 id@0
icmphdr.un.echo 4: u16 id@0; u16 sequence@16
icmphdr.un.frag 4: u16 __unused@0; u16 mtu@16
icmpv6_echo 4: u16 identifier@0; u16 sequence@16
icmpv6_nd_advt 4: u32 reserved@0/5; u32 override@5/1; u32 solicited@6/1; u32 router@7/1; u32 reserved2@8/24
icmpv6_nd_ra 4: u8 hop_limit@0; u8 reserved@8/3; u8 router_pref@11/2; u8 home_agent@13/1; u8 other@14/1;
    u8 managed@15/1; u16 rt_lifetime@16
"""
# Name and bytes of a struct, then its members: type, name, place in bits, width of a bit field.
# What has a dot in its name has none in C.


class _Types:
    """The table as BTF types, each once."""

    def __init__(self) -> None:
        lines = _TABLE.replace("\n    ", " ").strip().splitlines()
        self._texts = dict(line.split(" ", 1) for line in lines)
        self._ids: dict[str, int] = {}
        self.types: list[Type] = [Void()]
        self.structs = {name: self._id(name) for name in self._texts if "." not in name}

    def _id(self, name: str) -> int:
        if name not in self._ids:
            made = self._type(name)  # first those that it is made of
            self._ids[name] = len(self.types)
            self.types.append(made)
        return self._ids[name]

    def _type(self, name: str) -> Type:
        if array := re.fullmatch(r"(.+)\[(\d+)\]", name):
            return Array(self._id(array[1]), int(array[2]))
        if integer := re.fullmatch(r"([us])(\d+)", name):
            return Int(name, int(integer[2]) // 8, signed=integer[1] == "s", bool=False)
        size, _, members = self._texts[name].partition(": ")
        return Struct("" if "." in name else name, int(size), tuple(map(self._member, members.split("; "))))

    def _member(self, text: str) -> Member:
        type, name, place = re.split("[ @]", text)
        offset, _, bits = place.partition("/")
        return Member(name, self._id(type), int(offset), int(bits or 0))


_TYPES = _Types()
KERNEL = Btf("fixed layouts", tuple(_TYPES.types), b"")
"""The types that all kernels have."""
FIXED: Mapping[str, int] = _TYPES.structs
"""Struct name -> its type in `KERNEL`."""
ENUMS: Mapping[str, Mapping[str, int]] = {
    "xdp_action": {"XDP_ABORTED": 0, "XDP_DROP": 1, "XDP_PASS": 2, "XDP_TX": 3, "XDP_REDIRECT": 4},
}
"""Enum name -> its values that all kernels have."""
