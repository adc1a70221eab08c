"""hardpath: XDP programs, in hardware."""
