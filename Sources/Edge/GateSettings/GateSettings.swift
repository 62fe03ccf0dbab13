enum GateSettingsPlaceholder {}
