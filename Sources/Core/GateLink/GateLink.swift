enum GateLinkPlaceholder {}
