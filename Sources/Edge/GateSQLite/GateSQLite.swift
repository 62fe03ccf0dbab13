enum GateSQLitePlaceholder {}
