"""What a section name says about a program (libbpf: section_defs; samples and tc use names of their own)."""

from __future__ import annotations

import re

_OTHER = (
    "socket|sk_reuseport|kprobe|kretprobe|uprobe|uretprobe|ksyscall|kretsyscall|usdt|tc|tcx|classifier|action"
    "|netkit|tracepoint|tp_btf|tp|raw_tracepoint|raw_tp|fentry|fmod_ret|fexit|freplace|lsm_cgroup|lsm|iter"
    "|syscall|perf_event|lwt_in|lwt_out|lwt_xmit|lwt_seg6local|cgroup_skb|cgroup|sockops|sk_skb|sk_msg"
    "|sk_lookup|lirc_mode2|flow_dissector|struct_ops"
)
_OTHER_NAME = re.compile(rf"({_OTHER})([0-9]*|[./+_].*)")


def is_library(section: str) -> bool:
    """Whether a section's functions are only there to be called; rustc gives each a section of its own
    (``.text.name``)."""
    return section == ".text" or section.startswith(".text.")


def program_type(section: str) -> str:
    """ "xdp", or the kind of another program type when the section's name clearly says so.

    Free-form names (``xdp1``, ``2/7``, ``prog``) count as XDP.
    """
    match = _OTHER_NAME.fullmatch(section.removeprefix("?"))
    return match[1] if match else "xdp"


def attachment(section: str) -> tuple[str, bool]:
    """("xdp", "devmap" or "cpumap"; whether frames in several buffers are allowed) of an XDP section name."""
    base, _, target = section.removeprefix("?").partition("/")
    special = is_standard(section) and target in ("devmap", "cpumap")
    return target if special else "xdp", base == "xdp.frags"


def is_standard(section: str) -> bool:
    """Whether libbpf itself takes the name for XDP: ``xdp``, ``xdp.frags``, ``xdp/...``."""
    return section.removeprefix("?").partition("/")[0] in ("xdp", "xdp.frags")
