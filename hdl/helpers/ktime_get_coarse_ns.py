"""bpf_ktime_get_coarse_ns (kernel/bpf/helpers.c): Linux's is as old as the last tick; here no tick is needed."""

from __future__ import annotations

from .ktime_get_ns import KtimeGetNs


class KtimeGetCoarseNs(KtimeGetNs):
    id = 160
    name = "bpf_ktime_get_coarse_ns"
