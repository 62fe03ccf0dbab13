enum GateSupervisorPlaceholder {}
