enum GateKernelPlaceholder {}
