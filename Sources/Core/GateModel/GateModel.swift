enum GateModelPlaceholder {}
