"""Helper functions as plug-ins: one file a helper. `base` says what a plug-in declares, `registry` finds them."""
