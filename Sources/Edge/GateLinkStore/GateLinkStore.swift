enum GateLinkStorePlaceholder {}
