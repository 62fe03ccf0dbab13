enum GateWirePlaceholder {}
