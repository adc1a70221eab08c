"""Helper functions as plug-ins: one file a helper. `base` says what each declares, `registry` finds them."""
