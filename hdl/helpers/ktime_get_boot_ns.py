"""bpf_ktime_get_boot_ns (kernel/bpf/helpers.c): hardware is never suspended, so it is bpf_ktime_get_ns."""

from __future__ import annotations

from .ktime_get_ns import KtimeGetNs


class KtimeGetBootNs(KtimeGetNs):
    id = 125
    name = "bpf_ktime_get_boot_ns"
