"""Datapaths behind the buses of AXI, as NICs of FPGAs have them; no part knows a program."""
