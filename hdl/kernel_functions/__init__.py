"""Functions of the kernel (kfuncs) that programs may call by name, one file a family."""
