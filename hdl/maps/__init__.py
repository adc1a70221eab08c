"""Map types as plug-ins: one file a type. `base` says what a plug-in declares, `registry` finds them."""
