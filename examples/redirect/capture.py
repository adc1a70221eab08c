"""Frames of all kinds of lengths."""

from packets import plain

frames = plain
