enum GateTransportPlaceholder {}
