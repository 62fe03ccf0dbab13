enum GateTestKitPlaceholder {}
