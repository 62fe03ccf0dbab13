enum GateDatabasePlaceholder {}
