enum GateAccessPlaceholder {}
