enum GateTelemetryPlaceholder {}
