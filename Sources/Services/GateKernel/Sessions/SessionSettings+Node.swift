package import GateSession
package import GateStore

extension SessionSettings {
    /// Takes over all that a node's settings say of sessions.
    package mutating func follow(_ values: NodeSettingValues) {
        handshakeTime = values[NodeSettings.handshakeTimeout]
        pingInterval = values[NodeSettings.pingInterval]
        idleTime = values[NodeSettings.pingInterval] + values[NodeSettings.pingTimeout]
        let youngest = Int(values[NodeSettings.keyLifetimeMinimum] / .milliseconds(1))
        let oldest = Int(values[NodeSettings.keyLifetimeMaximum] / .milliseconds(1))
        keyLifetime = youngest...max(youngest, oldest)
        keyVolume = values[NodeSettings.keyVolume]
        keyUpdateTime = values[NodeSettings.keyUpdateTimeout]
        flightPadding = 0...values[NodeSettings.flightPadding]
        flightDelay = values[NodeSettings.flightDelay]
        flightPieces = values[NodeSettings.flightPieces]
        padding = values.padding
        noise = values.noise
        compressionMinimum = values[NodeSettings.compression] ? values[NodeSettings.compressionMinimum] : nil
    }
}

extension NodeSettingValues {
    /// How records are padded.
    var padding: PaddingPolicy {
        switch self[NodeSettings.paddingPolicy] {
        case .none: return .none
        case .padme: return .padme
        case .fixed: return .fixed(self[NodeSettings.paddingSize])
        case .range:
            let least = self[NodeSettings.paddingMinimum]
            return .range(least...max(least, self[NodeSettings.paddingMaximum]))
        }
    }

    /// What direct sessions send beside what is meant.
    var noise: NoisePolicy {
        let (perMinute, bytes) = (self[NodeSettings.noisePerMinute], self[NodeSettings.noiseSize])
        switch self[NodeSettings.noisePolicy] {
        case .off: return .off
        case .poisson:
            return .poisson(
                PoissonNoise(perMinute: perMinute, bytesMax: bytes, budget: self[NodeSettings.noiseBudget]))
        case .constant: return .constant(ConstantRate(perMinute: perMinute, bytes: bytes))
        }
    }
}
