enum GateExtenderKitPlaceholder {}
