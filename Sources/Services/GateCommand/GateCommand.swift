enum GateCommandPlaceholder {}
