enum GateRelayPlaceholder {}
