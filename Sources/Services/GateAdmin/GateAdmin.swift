enum GateAdminPlaceholder {}
