enum GateSessionPlaceholder {}
