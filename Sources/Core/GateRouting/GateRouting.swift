enum GateRoutingPlaceholder {}
