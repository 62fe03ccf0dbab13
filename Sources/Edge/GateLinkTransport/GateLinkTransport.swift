enum GateLinkTransportPlaceholder {}
