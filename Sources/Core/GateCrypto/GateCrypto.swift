enum GateCryptoPlaceholder {}
