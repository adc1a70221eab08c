"""Numbers of Linux that map operations take and return (include/uapi/linux/bpf.h, errno-base.h)."""

from __future__ import annotations

BPF_ANY = 0
BPF_NOEXIST = 1
BPF_EXIST = 2
BPF_F_LOCK = 4

BPF_F_NO_PREALLOC = 1
BPF_F_NUMA_NODE = 1 << 2
BPF_F_RDONLY = 1 << 3
BPF_F_WRONLY = 1 << 4
BPF_F_RDONLY_PROG = 1 << 7
BPF_F_PRESERVE_ELEMS = 1 << 11

BPF_F_BROADCAST = 8
BPF_F_EXCLUDE_INGRESS = 16

EPERM = 1
ENOENT = 2
E2BIG = 7
EBADF = 9
EAGAIN = 11
EACCES = 13
EFAULT = 14
EBUSY = 16
EEXIST = 17
ENODEV = 19
EINVAL = 22
ENOSPC = 28
EOVERFLOW = 75
EOPNOTSUPP = 95
EAFNOSUPPORT = 97
